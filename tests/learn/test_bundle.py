"""One module of many: in Node, as a notebook's widget, and on a page of MyST, in a real browser."""

import json
import subprocess

import numpy as np
import pytest
from web_packages import node

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.learn import COMPONENTS, ConvolutionWalker, PoolAndFire, _bundle, bundle


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_bundle_is_a_module_that_asks_for_nothing(name, tmp_path):
    path = tmp_path / "widget.mjs"
    path.write_text(bundle([name]))
    tell = f"import({json.dumps(str(path))}).then((m) => console.log(typeof m.default.render))"
    done = subprocess.run([node(), "-e", tell], capture_output=True, text=True)
    assert done.stdout.strip() == "function", done.stderr


def test_a_component_alone_is_small_and_holds_no_other():
    alone = bundle(["neuron"])
    assert len(alone) < 150_000
    assert "class ConvolutionWalker" not in alone
    assert "storms/" not in alone.partition("const MODULES")[0]


def test_all_together_hold_every_file_that_they_ask_for():
    head = bundle().partition("const MODULES")[0]
    for path in ("storms/train-0.bin", "networks/shipped/weights.safetensors", "network/zoo.json"):
        assert f'"{path}": "' in head


def test_an_unknown_component_gets_its_sentence():
    with pytest.raises(InputError, match=r"Unknown page 'neurn'\. Did you mean 'neuron'"):
        bundle(["neurn"])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ('import { b } from "./b.js";\n', "in a circle: a.js > b.js > a.js"),
        ("export default 1;\n", "cannot be bundled, for it has 'export default 1;'"),
        ("export let a = 1;\n", "for it has 'export let a = 1;'"),
        ('import x from "./b.js";\n', "for it has 'import x from"),
        ("const u = await import(name);\n", "for it has 'import\\(name\\);'"),
    ],
)
def test_what_cannot_be_bundled_is_told(tmp_path, monkeypatch, code, message):
    (tmp_path / "a.js").write_text(code)
    (tmp_path / "b.js").write_text('import { a } from "./a.js";\nexport const b = 2;\n')
    monkeypatch.setattr(_bundle, "WEB", tmp_path)
    with pytest.raises(ValueError, match=message):
        _bundle._gathered(["a.js"])


def test_every_form_of_import_and_export_means_the_same(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    files = {
        "a.js": """\
import { one, two as zwei } from "./b.js";
import * as all from "./deep/c.js";
import "./deep/d.js";
export { three, one as uno } from "./deep/c.js";
const inner = [zwei, all.three];
export { inner as outer, later };
export async function wait() { return (await import("./deep/c.js")).three; }
function later() { return one; }
export class Kind {}
export const where = import.meta.url;
""",
        "b.js": "export const one = 1;\nexport function two() { return 2; }\n",
        "deep/c.js": 'export { one } from "../b.js";\nexport const three = 3;\n',
        "deep/d.js": "globalThis.seen = true;\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(_bundle, "WEB", tmp_path)
    made = _bundle._as_functions(_bundle._gathered(["a.js"]))
    code = f"""\
{_bundle._NEED}
const a = beginning({{{made}}})("a.js");
const told = {{ ...a, kind: typeof a.Kind, outer: [a.outer[0](), a.outer[1]] }};
a.wait().then((three) => console.log(JSON.stringify(
  {{ ...told, later: a.later(), wait: three, seen: globalThis.seen }})));
"""
    done = subprocess.run([node(), "-e", code], capture_output=True, text=True)
    assert json.loads(done.stdout) == {
        "three": 3,
        "uno": 1,
        "outer": [2, 3],
        "later": 1,
        "kind": "function",
        "where": "https://bundle.invalid/a.js",
        "wait": 3,
        "seen": True,
    }, done.stderr


MODELS = """
class Model {
  constructor(state) { this.state = { ...state }; this.saved = 0; this.heard = new Map(); }
  get(name) { return this.state[name]; }
  set(name, value) { this.state[name] = structuredClone(value); this.fire(name); }
  fire(name) { for (const act of this.heard.get(`change:${name}`) ?? []) act(); }
  on(event, act) { this.heard.set(event, [...(this.heard.get(event) ?? []), act]); }
  off(event, act) { this.heard.set(event, this.heard.get(event).filter((one) => one !== act)); }
  save_changes() { this.saved += 1; }
}
class MystModel extends Model {  // what pages of MyST have, where there is no kernel
  off() { throw new Error("off not implemented yet."); }
  save_changes() { throw new Error("save_changes not implemented yet."); }
}
"""
PAGE = f"""<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body><script>
{MODELS}
async function show(name, kind, state) {{
  const {{ default: widget }} = await import(`./${{name}}.mjs`);
  const el = document.body.appendChild(document.createElement("div"));
  const model = new ({{ Model, MystModel }})[kind](state);
  const leave = await widget.render({{ model, el }});
  return {{ el, model, leave, component: el.firstElementChild }};
}}
</script>"""


@pytest.fixture
def page(chromium):
    """A page at no address in the world, which serves bundles by their components' names."""
    context = chromium.new_context()
    page = context.new_page()
    trouble = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: said.type == "error" and trouble.append(said.text))

    def answer(route, request):
        name = request.url.removeprefix("https://notebook.invalid/")
        if name == "":
            route.fulfill(body=PAGE, content_type="text/html")
        elif name.endswith(".mjs"):
            slugs = name.removesuffix(".mjs").split("+")
            route.fulfill(body=bundle(slugs), content_type="text/javascript")
        else:
            trouble.append(f"asked for {request.url}")
            route.abort()

    page.route("**/*", answer)
    page.goto("https://notebook.invalid/")
    yield page
    context.close()
    assert trouble == []


@pytest.mark.browser
def test_settings_go_both_ways_with_a_notebook(page):
    page.evaluate("(async () => { window.w = await show('neuron', 'Model', {w1: 2, x2: -3}); })()")
    page.wait_for_function("w.component.outputs.z === -1")
    assert page.evaluate("w.component.settings.w1") == 2
    before = page.evaluate("w.model.saved")
    page.evaluate("w.model.set('bias', 3)")
    page.wait_for_function("w.component.outputs.z === 2")
    assert page.evaluate("w.model.saved") == before  # the kernel knows what it said itself
    page.evaluate("w.component.set({ w2: 2 })")
    page.wait_for_function("w.model.get('w2') === 2")
    assert page.evaluate("w.model.saved") == before + 1
    page.evaluate("w.leave()")
    assert page.evaluate("w.el.children.length") == 0
    page.evaluate("w.model.set('bias', -1)")


@pytest.mark.browser
def test_colours_follow_the_page_around(page):
    page.evaluate("(async () => { window.w = await show('neuron', 'Model', {}); })()")
    theme = "w.component.getAttribute('theme')"
    assert page.evaluate(theme) is None
    for act, due in [
        ("document.body.dataset.jpThemeLight = 'false'", "dark"),
        ("document.body.dataset.jpThemeLight = 'true'", "light"),
        ("delete document.body.dataset.jpThemeLight", None),
        ("document.body.className = 'vscode-dark'", "dark"),
        ("document.body.className = ''", None),
        ("document.documentElement.className = 'dark'", "dark"),
        ("document.documentElement.className = 'light'", "light"),
    ]:
        page.evaluate(act)
        page.wait_for_function(f"{theme} === {json.dumps(due)}")
    page.evaluate("w.leave()")


@pytest.mark.browser
def test_outputs_go_to_a_model_that_asks_for_them(page):
    page.evaluate(
        "(async () => { window.w = await show('neuron', 'Model', {w1: 2, reports: ['z']}); })()"
    )
    page.wait_for_function("w.model.get('z') === 3")
    assert page.evaluate("w.model.get('a')") is None


@pytest.mark.browser
def test_a_page_of_myst_names_the_component_in_its_body(page):
    page.evaluate(
        """(async () => {
          const body = {component: "convolution-walker", row: 40, column: 30, storm: 3};
          window.w = await show("neuron+convolution-walker", "MystModel", body);
        })()"""
    )
    page.wait_for_function("w.component.outputs.total !== undefined")
    due = ConvolutionWalker(row=40, column=30, storm=3).step
    assert page.evaluate("w.component.outputs.total") == due.total
    assert sorted(page.evaluate("w.component.outputs.pixels")) == sorted(due.window.ravel())
    page.evaluate("w.component.set({ row: 41 })")
    page.wait_for_function("w.model.get('row') === 41")
    page.evaluate("w.leave()")


@pytest.mark.browser
def test_a_body_that_names_none_is_told_what_there_is(page):
    page.evaluate(
        "(async () => { window.w = await show('neuron+pool-and-fire', 'MystModel', {}); })()"
    )
    said = page.evaluate("w.el.textContent")
    assert "Say which component to show, as neuron, pool-and-fire." in said


@pytest.mark.browser
def test_two_widgets_on_a_page_have_storms_of_their_own(page):
    images = np.zeros((1, 136, 136), np.uint8)
    images[0, 40:44, 40:44] = 61
    boxes = make_dataset(images, source="by hand")
    own = PoolAndFire(boxes, storm=0)
    state = {"storm": 0, "files": {name: list(held) for name, held in own.files.items()}}
    page.evaluate(
        """async (state) => {
          state.files = Object.fromEntries(Object.entries(state.files).map(
            ([name, bytes]) => [name, new DataView(Uint8Array.from(bytes).buffer)]));
          const { default: widget } = await import("./pool-and-fire.mjs");
          [window.own, window.other] = [state, { storm: 0 }].map((given) => {
            const el = document.body.appendChild(document.createElement("div"));
            widget.render({ el, model: new Model(given) });
            return { component: el.firstElementChild };
          });
        }""",
        state,
    )
    page.wait_for_function("own.component.outputs.pooled && other.component.outputs.pooled")
    for which, widget in (("own", own), ("other", PoolAndFire(storm=0))):
        found = page.evaluate(f"{which}.component.outputs")
        assert found["pooled"] == [held.pooled for held in widget.responses]
        assert found["z"] == [held.z for held in widget.responses]
    assert page.evaluate("own.component.outputs.pooled[0]") == 61
