"""Ways to use a page: by a mouse or a finger, and by a keyboard alone."""

import re
from typing import Any

from visits import Visit

FAR = 250  # presses of a key after which something counts as out of reach


class Pointer(Visit):
    """A newcomer with a mouse, or with a finger where `touch`."""

    def pick(self, label: str, option: str) -> None:
        """Choose from a list that drops down."""
        self._list(label).select_option(option)
        self.settle()

    def mark(self, group: str, option: str) -> None:
        """Choose one of several that stand side by side."""
        self.press(self._option(group, option))

    def take(self, each: str, one: str, key: str = "ArrowRight") -> None:
        """Press one of many that Tab passes as a whole, among which arrows go."""
        self.press(one)

    def slide(self, label: str, share: float) -> None:
        """Bring a slider to a share of its way."""
        slider = self._slider(label)
        slider.scroll_into_view_if_needed()
        self.settle()
        box = slider.bounding_box()
        thumb = 16
        x = box["x"] + thumb / 2 + (box["width"] - thumb) * share
        self.drag([(x, box["y"] + box["height"] / 2)] * 2)

    def point(self, picture: str, row: int, column: int, size: int = 136, *, edge: int = 0) -> None:
        """Press a pixel of a picture; the keyboard's place keeps `edge` off the edge."""
        self.drag([self.pixel(picture, row, column, size)] * 2)

    def _option(self, group: str, name: str) -> str:
        """What is called so, by words or by a name for those who do not see its picture."""
        return f"{group} label:is(:has-text('{name}'), :has([aria-label*='{name}']))"

    def _list(self, label: str) -> Any:
        return self.page.get_by_role("combobox", name=label, exact=True)

    def _slider(self, label: str) -> Any:
        named = self.page.get_by_role("slider", name=label, exact=True)
        return named.and_(self.page.locator("input"))


class Keyboard(Pointer):
    """A newcomer with a keyboard: what Tab never reaches cannot be used."""

    def press(self, selector: str) -> None:
        place = self._reach(
            self.page.locator(re.sub(r"^label\b.*", r"\g<0> input", selector)).first
        )
        self._keys("Space" if place.evaluate("e => e.localName === 'input'") else "Enter")

    def pick(self, label: str, option: str) -> None:
        place = self._reach(self._list(label))
        options = place.evaluate("e => [...e.options].map(option => option.value)")
        self._keys("Home", *["ArrowDown"] * options.index(option))
        assert place.input_value() == option

    def mark(self, group: str, option: str) -> None:
        # Tab goes to the one that is marked, and arrows go on from it.
        self._reach(self.page.locator(f"{group} input:checked").first)
        wanted = self.page.locator(f"{self._option(group, option)} input").first
        for _ in range(FAR):
            if wanted.is_checked():
                return
            self._keys("ArrowRight")
        raise AssertionError(f"arrows never reach {option}")

    def take(self, each: str, one: str, key: str = "ArrowRight") -> None:
        self._reach(self.page.locator(f"{each}:not([tabindex='-1'])").first)
        for _ in range(FAR):
            if self.component("c.shadowRoot.activeElement.matches(v[0])", one):
                self._keys("Enter")
                return
            self._keys(key)
        raise AssertionError(f"{key} never reaches {one}")

    def slide(self, label: str, share: float) -> None:
        place = self._reach(self._slider(label))
        low, high, step = place.evaluate("e => [e.min, e.max, e.step].map(Number)")
        steps = round((high - low) / step)
        there = round(steps * share)
        if there > steps / 2:
            self._keys("End", *["ArrowLeft"] * (steps - there))
        else:
            self._keys("Home", *["ArrowRight"] * there)

    def point(self, picture: str, row: int, column: int, size: int = 136, *, edge: int = 0) -> None:
        self._reach(self.page.locator(picture).first)
        tens = -(-size // 10)
        self._keys(*["Shift+ArrowDown"] * tens, *["Shift+ArrowLeft"] * tens)
        (tens_up, up), (tens_right, right) = divmod(row - edge, 10), divmod(column - edge, 10)
        self._keys(*["Shift+ArrowUp"] * tens_up, *["ArrowUp"] * up)
        self._keys(*["Shift+ArrowRight"] * tens_right, *["ArrowRight"] * right, "Enter")

    def _reach(self, place: Any) -> Any:
        place.wait_for(state="attached")
        for _ in range(FAR):
            if place.evaluate("e => e.getRootNode().activeElement === e"):
                return place
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab never reaches {place}")

    def _keys(self, *names: str) -> None:
        for name in names:
            self.page.keyboard.press(name)
        self.settle()
