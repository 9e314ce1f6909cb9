"""Pages as a visitor meets them: what stands there, by mouse, finger and keyboard."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from patience import PATIENCE
from patience import until as until_in_time
from web_packages import packages

PHONE, DESK = (390, 844), (1440, 900)
# The story is walked in the other two, so all four are met.
LOOKS = [(PHONE, "light"), (DESK, "dark")]
Point = tuple[float, float]
# Seconds after which a press counts as lost, and is repeated.
LOST = 30


def plain(words: str) -> str:
    """Words of a page with minus signs that Python reads."""
    return words.replace("\N{MINUS SIGN}", "-")


def until(page: Any, holds: Callable[[], Any], words: str = "it", seconds: float = PATIENCE) -> Any:
    """Ask again and again what is to hold, while the page goes on, and give the answer."""
    return until_in_time(holds, words, pause=lambda: page.wait_for_timeout(20), seconds=seconds)


class Visit:
    """A page of one component, and all that went wrong on it."""

    def __init__(self, page: Any, front: str, slug: str, touch: bool = False) -> None:
        self.page, self.front, self.slug, self.touch = page, front, slug, touch
        self.trouble: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("requestfailed", self._miss)
        page.on("response", self._answer)

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.trouble.append(message.text)

    def _answer(self, response: Any) -> None:
        if response.status >= 400:  # 304, that it is the same as before, is no trouble
            self.trouble.append(f"{response.status} {response.url}")

    def _miss(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # by leaving the page
            self.trouble.append(f"{request.failure} {request.url}")

    def open(self, query: str = "") -> None:
        self.page.goto("about:blank")
        self.page.goto(f"{self.front}#/{self.slug}{query}")
        self.page.wait_for_selector(f"stormlens-{self.slug} .picture canvas")
        self.settle()

    def component(self, words: str, *values: Any) -> Any:
        """What an expression of the component `c` and the values `v` gives."""
        found = f"const c = document.querySelector('stormlens-{self.slug}')"
        return self.page.evaluate(f"v => {{ {found}; return {words}; }}", list(values))

    def set(self, **settings: Any) -> None:
        self.component("c.set(v[0])", settings)
        self.settle()

    def settle(self) -> None:
        """Wait until what was set is shown."""
        two_frames = "new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))"
        self.page.evaluate(two_frames)

    def address(self) -> str:
        """The address, once it has followed the settings."""
        self.rest(600)
        return self.page.evaluate("location.hash")

    def rest(self, milliseconds: int) -> None:
        """Wait by the page's own clock: what it began to wait for before has come before."""
        self.page.evaluate("time => new Promise(done => setTimeout(done, time))", milliseconds)

    def wait_for(self, words: str, *values: Any, seconds: float = PATIENCE) -> Any:
        """Wait until an expression, as of `component`, holds; the pages allow no eval."""
        ask = partial(self.component, words, *values)
        found = until(self.page, ask, f"{words} {values}", seconds)
        self.settle()
        return found

    def watch(self, words: str, *values: Any) -> Callable[[], Any]:
        """
        Look at every frame from now on whether an expression, as of `component`, holds.

        For what holds for a moment only, which this process may be too late to see. What is given
        waits until it has held once.
        """
        self.page.evaluate(
            f"""v => {{
              window.seen = false;
              void function look() {{
                const c = document.querySelector('stormlens-{self.slug}');
                if (c?.shadowRoot && ({words})) window.seen = true;
                else requestAnimationFrame(look);
              }}();
            }}""",
            list(values),
        )
        return partial(until, self.page, partial(self.page.evaluate, "window.seen"), words)

    def done(self, task: str) -> bool:
        self.settle()
        return self.page.locator(f"[data-task='{task}'].done").count() == 1

    def text(self, selector: str) -> str:
        """Words that stand there, with a plain minus, of HTML and of drawings."""
        return plain(self.page.locator(selector).first.text_content())

    def press(self, what: Any) -> None:
        """Click with the mouse, or tap with a finger; by a selector or a locator."""
        place = (self.page.locator(what) if isinstance(what, str) else what).first
        act = place.tap if self.touch else place.click
        try:
            self._until_heard(act, "click", seconds=LOST)
        except AssertionError:  # a busy machine may lose a tap: one presses again
            self._until_heard(act, "click")

    def _until_heard(
        self, act: Callable[[], None], *events: str, seconds: float = PATIENCE
    ) -> None:
        """
        Act, and wait until the page was told of it by one of the events and shows what follows.

        A browser may say that a finger was lifted before it tells the page so.
        """
        self.page.evaluate(
            """events => {
              window.heard = false;
              const done = new AbortController();
              const hear = () => { window.heard = true; done.abort(); };
              const how = { capture: true, signal: done.signal };
              for (const event of events) addEventListener(event, hear, how);
            }""",
            list(events),
        )
        act()
        # Another page, where that is what follows, knows nothing of it.
        heard = partial(self.page.evaluate, "window.heard !== false")
        until(self.page, heard, f"any of {events}", seconds)
        self.settle()

    def middle(self, selector: str) -> Point:
        """The middle of an element, which is brought into view."""
        place = self.page.locator(selector).first
        place.scroll_into_view_if_needed()
        self.settle()
        box = place.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def pixel(self, selector: str, row: float, column: float, size: int = 136) -> Point:
        """Where on the page a pixel of a picture is, which is brought into view."""
        picture = self.page.locator(selector).first
        picture.scroll_into_view_if_needed()
        self.settle()
        x, y, width, height = picture.evaluate(
            "e => { const b = e.getBoundingClientRect();"
            " return [b.x + e.clientLeft, b.y + e.clientTop, e.clientWidth, e.clientHeight]; }"
        )
        return x + width * (column + 0.5) / size, y + height * (1 - (row + 0.5) / size)

    def drag(self, points: Sequence[Point]) -> None:
        """Draw the mouse, or a finger, over points of the page."""
        self._until_heard(partial(self._draw, points), "pointerup", "pointercancel")

    def _draw(self, points: Sequence[Point]) -> None:
        if self.touch:
            session = self.page.context.new_cdp_session(self.page)
            kinds = ["touchStart"] + ["touchMove"] * (len(points) - 1)
            for kind, (x, y) in zip(kinds, points, strict=True):
                event = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
                session.send("Input.dispatchTouchEvent", event)
            session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
            session.detach()
        else:
            self.page.mouse.move(*points[0])
            self.page.mouse.down()
            for point in points[1:]:
                self.page.mouse.move(*point, steps=3)
            self.page.mouse.up()

    def tab_to(self, selector: str) -> None:
        """Press Tab until an element of the component has the focus."""
        for _ in range(80):
            self.page.keyboard.press("Tab")
            if self.component("c.shadowRoot.activeElement?.matches(v[0]) ?? false", selector):
                return
        raise AssertionError(f"Tab never reaches {selector}")

    def check_access(self) -> None:
        """What axe-core finds of serious trouble for those who read in other ways: nothing."""
        self.page.evaluate((packages() / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run({ resultTypes: ['violations'] })")
        serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
        # Of what axe leaves open, a name on something that takes none is read out by no one.
        unheard = [one for one in found["incomplete"] if one["id"] == "aria-prohibited-attr"]
        named = [(one["id"], [n["html"][:200] for n in one["nodes"]]) for one in serious + unheard]
        assert named == []

    def check_look(self) -> None:
        """Nothing wider than the page, pictures square, nothing failed."""
        wide, seen = self.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= seen
        sides = self.component(
            "[...c.shadowRoot.querySelectorAll('.picture')].map(p => [p.clientWidth,"
            " p.clientHeight])"
        )
        assert sides
        for width, height in sides:
            assert width > 40
            assert abs(width - height) < 1
        assert self.trouble == []
