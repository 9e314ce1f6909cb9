import pytest

from stormlens.errors import InputError
from stormlens.training import Recipe, RecipeData, list_recipes, load_recipe


def test_named_recipes_say_what_the_chapter_did():
    linear, relu, augmented = (
        load_recipe(f"chapter-{name}") for name in ("linear", "relu", "augmented")
    )
    for recipe in (linear, relu):
        assert (recipe.optimiser, recipe.learning_rate) == ("adam", 1e-4)
        assert (recipe.batch_size, recipe.epochs, recipe.augmentation) == (32, 10, None)
    assert (augmented.model, augmented.continues) == ("chapter-relu", "chapter-relu")
    assert (augmented.learning_rate, augmented.epochs) == (1e-5, 10)
    ranges = augmented.augmentation
    assert (ranges.rotation_range, ranges.shear_range, ranges.zoom_range) == (0.1, 0.1, (0.9, 1.1))
    assert (ranges.width_shift_range, ranges.height_shift_range) == (0.1, 0.1)
    assert ranges.horizontal_flip
    assert ranges.vertical_flip
    assert ranges.fill_mode == "reflect"


def test_the_archives_own_recipe():
    recipe = load_recipe("svrimg-3conv")
    assert (recipe.learning_rate, recipe.epochs) == (1e-3, 100)
    assert recipe.augmentation.rotation_range == 55
    assert recipe.augmentation.zoom_range == (0.9, 1.0)


def test_the_shipped_recipe_leaves_no_blank_edges_and_trains_on_wide_storms():
    recipe = load_recipe("storm-residual")
    assert (recipe.model, recipe.schedule) == ("storm-residual", "cosine")
    assert recipe.average > 0.99
    # Blank edges are what Missing boxes are known by.
    assert recipe.augmentation.rotation_range == 0
    assert recipe.augmentation.zoom_range[1] <= 1
    assert recipe.augmentation.horizontal_flip
    assert recipe.augmentation.vertical_flip
    # Train and calibrate on different families of storms.
    assert (recipe.data.name, recipe.data.calibrate) == ("simulated-wide", "simulated-held-out")


@pytest.mark.parametrize("recipe", list_recipes(), ids=lambda recipe: recipe.name)
def test_toml_round_trip_keeps_every_value(recipe):
    assert Recipe.from_toml(recipe.to_toml(), name="other") == recipe


def test_a_recipe_says_which_boxes_it_is_made_for():
    text = """
        model = "chapter-relu"
        [data]
        name = "simulated-wide"
        calibrate = "simulated-held-out"
        count = 500
    """
    recipe = Recipe.from_toml(text, name="wide")
    assert recipe.data == RecipeData("simulated-wide", "simulated-held-out", {"count": 500})
    assert Recipe.from_toml(recipe.to_toml(), name="other") == recipe
    assert hash(recipe) == hash(Recipe.from_toml(recipe.to_toml(), name="other"))
    assert load_recipe("default").data is None


def test_every_setting_survives_a_round_trip():
    recipe = Recipe(
        "full", "chapter-relu", schedule="cosine", label_smoothing=0.1, mixup=0.2, average=0.99,
        weight_decay=1e-4, orientations=8, data=RecipeData("digits"),
    )  # fmt: skip
    assert Recipe.from_toml(recipe.to_toml(), name="other") == recipe


def test_only_the_augmented_recipe_moves_too_little_to_see():
    assert [recipe.name for recipe in list_recipes() if recipe.notes()] == ["chapter-augmented"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = 'x'\nlearning_rate = 10", r"learning_rate is 10, it must be in \(0, 1\]"),
        ("model = 'x'\nlearning_rate = nan", "learning_rate is nan"),
        ("model = 'x'\nepochs = 0", "epochs is 0, it must be a whole number from 1"),
        ("model = 'x'\nepochs = 2.5", "epochs is 2.5"),
        ("model = 'x'\nbatch_size = true", "batch_size is True"),
        ("model = 'x'\nseed = -1", "seed is -1"),
        ("model = 'x'\noptimiser = 'adan'", "Did you mean 'adam'"),
        ("model = 'x'\nlearnig_rate = 0.1", "Did you mean 'learning_rate'"),
        ("model = 'x'\nschedule = 'cosin'", "Did you mean 'cosine'"),
        ("model = 'x'\nlabel_smoothing = 1", r"label_smoothing is 1, it must be in \[0, 1\)"),
        ("model = 'x'\nmixup = -0.1", r"mixup is -0.1, it must be in \[0, 100\]"),
        ("model = 'x'\nmixup = nan", "mixup is nan"),
        ("model = 'x'\naverage = 1.0", r"average is 1.0, it must be in \[0, 1\)"),
        ("model = 'x'\naverage = true", "average is True"),
        ("model = 'x'\nweight_decay = 2", r"weight_decay is 2, it must be in \[0, 1\]"),
        ("model = 'x'\norientations = 4", "orientations is 4, it must be 1 or 8"),
        ("model = 'x'\norientations = true", "orientations is True, it must be 1 or 8"),
        ("model = 'x'\ndata = 'simulated'", r"data must be a table, \[data\]"),
        ("model = 'x'\n[data]\ncount = 3", "recipe bow: data.name is None"),
        ("model = 'x'\n[data]\nname = 'a'\ncalibrate = 3", "data.calibrate is 3"),
        ("model = 'x'\n[data]\nname = 'a'\ncalibrate = ''", "data.calibrate is ''"),
        ("model = 'x'\n[data]\nname = ''", "recipe bow: data.name is ''"),
        ("model = 'x'\n[data]\nname = ' '", "data.name is ' '"),
        (
            "model = 'x'\n[data]\nname = 'a'\nsplit = 'train'",
            "data.split is 'train', but a training takes all splits; remove it",
        ),
        ("model = 'x'\n[data]\nname = 'a'\nname_or_path = 'b'", "data.name_or_path is 'b'"),
        ("model = 3", "model is 3, it must be text"),
        ("model = 'x'\ncontinues = 3", "continues is 3, it must be text"),
        ("model = 'x'\nclass_weights = 1", "class_weights is 1"),
        ("model = 'x'\naugmentation = 3", "must be a table"),
        ("model = 'x'\n[augmentation]\nzoom_range = 2", "recipe bow: augmentation.zoom_range is 2"),
        ("epochs = 3", "names no model"),
        ("model =", "not valid TOML"),
    ],
)
def test_bad_recipes_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        Recipe.from_toml(text, name="bow")


def test_unknown_names_and_paths(tmp_path):
    with pytest.raises(InputError, match="Did you mean 'chapter-relu'"):
        load_recipe("chapter-rely")
    with pytest.raises(InputError, match="does not exist"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(InputError, match="is a directory"):
        load_recipe(tmp_path / "folder.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        load_recipe(tmp_path / "binary.toml")


def test_a_recipe_file_takes_its_name_from_the_file(tmp_path):
    (tmp_path / "bow.toml").write_text("model = 'lenet5'")
    assert load_recipe(tmp_path / "bow.toml").name == "bow"


def test_changes_skip_what_is_none():
    recipe = load_recipe("chapter-relu")
    assert recipe.with_changes(epochs=None, seed=None) == recipe
    assert recipe.with_changes(epochs=3).epochs == 3
