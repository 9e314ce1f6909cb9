"""Comments go, code stays, wherever one looks like the other."""

import pytest

from stormlens.learn._code import without_comments


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ("a = 1; // why\nb = 2;\n", "a = 1; \nb = 2;\n"),
        ("// alone\na;\n", "a;\n"),
        ("a;\n  /** Of many\n   * lines. */\n  b;\n", "a;\n  b;\n"),
        ("x = /** @type {any} */ (y);", "x =  (y);"),
        ("s = \"// no\"; t = '/* no */';", "s = \"// no\"; t = '/* no */';"),
        ('s = "\\"// no";', 's = "\\"// no";'),
        (
            "s = `// no ${a /* yes */ + `/* ${b} */`} // no`;",
            "s = `// no ${a  + `/* ${b} */`} // no`;",
        ),
        ("s = `\\`// no`;", "s = `\\`// no`;"),
        ("s = `${{ a: 1 }.a} // no`; // yes", "s = `${{ a: 1 }.a} // no`; "),
        ('r = /[/"]\\//g; // yes', 'r = /[/"]\\//g; '),
        ("if (/'/.test(a)) b = `'`; // yes", "if (/'/.test(a)) b = `'`; "),
        ('return /"/; // yes', 'return /"/; '),
        ("a = b / c; // d / e", "a = b / c; "),
        ("a = (b) / c / d; // '", "a = (b) / c / d; "),
        ('a = b[0] / 2 + "/"; // \'', 'a = b[0] / 2 + "/"; '),
        ("f(); /* end */", "f(); "),
        ("a; // end", "a; "),
    ],
)
def test_comments_go_and_code_stays(code, left):
    assert without_comments(code) == left
