"""The architecture as tests: imports point down, light packages stay light, recipes stay in their place."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "semioscope"
LAYERS = (
    {"core"},
    {"video", "plans", "splits", "scoring", "execution"},
    {"cohort", "networks"},
    {"preprocess", "models", "synthetic"},
    {"features", "training"},
    {"evaluation"},
    {"recipes"},
    {"runs"},
    {"monitor", "report", "review"},
    {"cli"},
)
LEVEL = {package: level for level, packages in enumerate(LAYERS) for package in packages}
MODULES = sorted(SOURCE.rglob("*.py"))
PUBLIC_DOORS = {"backbones.py"}
LIGHT = ("core", "video", "plans", "splits", "scoring", "execution", "cohort")


def imported_packages(path: Path) -> set[str]:
    """Return the packages of semioscope that a module imports, anywhere in its text."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "semioscope" and len(parts) > 1 and parts[1] in LEVEL:
                found.add(parts[1])
    return found


def package_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_imports_point_down(path):
    if path.parent == SOURCE:
        assert path.name in {"__init__.py", "__main__.py", *PUBLIC_DOORS}
        return
    own = package_of(path)
    assert own in LEVEL, f"{own} has no place in the layers"
    wrong = {name for name in imported_packages(path) if name != own and LEVEL[name] >= LEVEL[own]}
    assert not wrong, f"{own} may not import {wrong}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_modules_are_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_no_catch_all_modules():
    assert not {path.stem for path in MODULES} & {"utils", "helpers", "common", "base", "misc"}


def loaded_after(statement: str) -> set[str]:
    code = (
        f"import sys\n{statement}\nprint('\\n'.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_light_packages_never_load_torch():
    statement = "\n".join(f"import semioscope.{package}" for package in LIGHT)
    assert not loaded_after(statement) & {"torch", "torchvision", "openvino", "matplotlib"}


def test_command_line_starts_light():
    heavy = {"torch", "torchvision", "openvino", "matplotlib", "sklearn", "scipy", "av"}
    assert not loaded_after("import semioscope.cli.app") & heavy


def test_recipe_names_stay_in_recipes():
    from semioscope.recipes import PRETRAIN_RECIPES, RECIPES

    for path in MODULES:
        if package_of(path) == "recipes":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in documentation
            ):
                assert not any(name in node.value for name in (*RECIPES, *PRETRAIN_RECIPES)), (
                    f"{path}: {node.value}"
                )


@pytest.mark.parametrize("package", sorted({package_of(path) for path in MODULES if path.parent != SOURCE}))
def test_exports_exist(package):
    tree = ast.parse((SOURCE / package / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            names = [element.value for element in node.value.elts]
            assert len(names) == len(set(names))
            module = __import__(f"semioscope.{package}", fromlist=names)
            assert all(hasattr(module, name) for name in names)


def test_video_is_the_only_door_to_the_decoder():
    for path in MODULES:
        if package_of(path) == "video":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not any(name == "av" or name.startswith("av.") for name in names), path
