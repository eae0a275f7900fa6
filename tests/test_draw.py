"""The graph as a picture: everything that the trace has is in it, nothing overlaps, and what is folded is counted."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.draw import draw
from tinygrad_edu.draw.folding import folds
from tinygrad_edu.draw.layout import layout
from tinygrad_edu.lessons.flip import IMAGE, WEIGHTS
from tinygrad_edu.wording import brief

SVG = "{http://www.w3.org/2000/svg}"


def leaf(values):
    return tg.Tensor(np.array(values, float), requires_grad=True)


def flip():
    w1, b1, w2, b2 = map(leaf, WEIGHTS.values())
    x, target = IMAGE, np.array([1.0, 1.0, 0.0, 1.0])
    h = tg.relu(x @ w1 + b1)
    prediction = h @ w2 + b2
    return tg.nn.mse_loss(prediction, target), locals()


def diamond():
    x, w = leaf([[0.5, -1.0], [2.0, 0.1]]), leaf([0.3, -0.7])
    y = np.tanh(x @ w)
    z = np.exp(y) * y + np.concatenate([y[:1], w[1:]]) / (1 + y * y)
    return np.mean(z * z), {"x": x, "w": w}


def deep():
    layers = [m for i in range(20) for m in (tg.nn.Linear(3, 3, rng=i), tg.nn.Tanh())]
    net = tg.nn.Sequential(*layers, tg.nn.Linear(3, 1, rng=20))
    return tg.nn.mse_loss(net(np.ones((2, 3))), np.zeros((2, 1))), net


def recurrent():
    u, v, h = leaf(np.eye(3) / 2), leaf(np.ones((2, 3)) / 10), np.zeros(3)
    for x in np.random.default_rng(0).normal(size=(30, 2)):
        h = np.tanh(x @ v + h @ u)
    return np.sum(h**2), {"U": u, "V": v}


def layer_of_the_library():
    x = np.random.default_rng(0).normal(size=(2, 32, 3))
    rnn = tg.nn.RNN(3, 4, rng=0)
    return np.sum(rnn(x)[0] ** 2), rnn


def residual():
    x, layers = leaf(np.ones((2, 4))), [tg.nn.Linear(4, 4, rng=i) for i in range(12)]
    h = x
    for layer in layers:
        h = h + tg.relu(layer(h))
    return np.sum(h), {"x": x}


GRAPHS = [flip, diamond, deep, recurrent, layer_of_the_library, residual]
every_graph = pytest.mark.parametrize("make", GRAPHS)


def parsed(drawing):
    root = ET.fromstring(drawing.svg())
    groups = root.findall(f"{SVG}g")
    return [g for g in groups if g.get("id")], [g for g in groups if g.get("class")]


def arrows(drawing):
    """(from, to) as they stand in the three languages."""
    _, groups = parsed(drawing)
    return (
        [tuple(map(int, re.findall(r"\d+", g.get("class")))) for g in groups],
        [(int(a), int(b)) for a, b in re.findall(r"^  n(\d+) -> n(\d+);$", drawing.dot(), re.M)],
        [(int(a), int(b)) for a, b in re.findall(r"^  n(\d+) --> n(\d+)$", drawing.mermaid(), re.M)],
    )


# ---- structure ---------------------------------------------------------------------------------------------------
@every_graph
@pytest.mark.parametrize("most", [40, 10_000])
def test_every_node_and_edge_of_the_trace_is_drawn(make, most):
    loss, names = make()
    lines = tg.trace(loss, names)
    drawing = draw(loss, names, most=most)
    assert sorted(n for box in drawing.boxes for n in box.lines) == list(range(len(lines)))
    home = {n: i for i, box in enumerate(drawing.boxes) for n in box.lines}
    flows = {(home[line.number], home[user]) for line in lines for user, _ in line.contributions}
    assert set(drawing.edges) == {(a, b) for a, b in flows if a != b}
    assert all(a < b for a, b in drawing.edges)
    for written in arrows(drawing):
        assert written == drawing.edges
    boxes, _ = parsed(drawing)
    assert len(boxes) == len(re.findall(r"^  n\d+ \[label=", drawing.dot(), re.M)) == len(drawing.boxes)
    assert len(re.findall(r'^  n\d+(?:\(|\[\[?)"', drawing.mermaid(), re.M)) == len(drawing.boxes)


@pytest.mark.parametrize("make", [flip, diamond])
def test_values_gradients_and_shapes_are_those_of_the_trace(make):
    loss, names = make()
    lines = tg.trace(loss, names)
    drawing = draw(loss, names)
    groups, _ = parsed(drawing)
    for box, group in zip(drawing.boxes, groups, strict=True):
        line = lines[box.lines[0]]
        shown = " ".join(" ".join(text.text.split()) for text in group.iter(f"{SVG}text"))
        for part in (line.name, str(line.shape), brief(line.value), brief(line.gradient)):
            assert " ".join(part.split()) in shown
        if line.rules:
            assert f"{line.name} = {line.formula}" in " ".join(box.title.split())
            for parameter, rule in line.rules:
                assert f"passes back to {parameter}: {rule}" in group.find(f"{SVG}title").text
    assert [box.kind for box in drawing.boxes].count("result") == 1
    assert {box.kind for box in drawing.boxes if not lines[box.lines[0]].rules} == {"leaf"}


def test_the_flip_network_shows_the_lessons_figures():
    text = draw(*flip()).dot()
    for figure in ("0.89625", "[0 0 0.5]", "[-0.45 -0.55 -0.025 -0.625]", "-0.225 -0.275 -0.0125 -0.3125"):
        assert figure in text


def test_the_graph_stays_as_it_was():
    loss, names = diamond()
    assert draw(loss, names).svg() == draw(loss, names).svg()
    loss.backward()
    drawn = {name: t.grad for name, t in names.items()}
    again, names = diamond()
    again.backward()
    for name, t in names.items():
        np.testing.assert_array_equal(t.grad, drawn[name])


def test_large_arrays_are_summarized_and_no_line_is_long():
    w = leaf(np.linspace(-1.23456789e-21, 1.23456789e-21, 1000).reshape(10, 100))
    tall = leaf(np.linspace(0, 1, 16)[:, None])
    drawing = draw(np.sum(w * w) + np.sum(tall), {"a" * 200: w, "tall": tall})
    assert max(len(line) for box in drawing.boxes for line in box.text.split("\n")) <= 46
    assert max(box.text.count("\n") for box in drawing.boxes) < 20
    assert "-1.2346e-21 … 1.2346e-21" in drawing.svg()
    assert "0 … 1, norm" in drawing.svg()


def test_what_is_split_says_into_how_many_arrays():
    x = leaf(np.ones((6, 2)))
    first, *_, last = np.split(x, 6)
    texts = [box.text for box in draw(np.sum(first * last), {"x": x}).boxes]
    assert "t1 = np.split(x, 6)\nvalue     6 arrays\ngradient  6 arrays" in texts
    assert not any("list" in text or "Parts" in text for text in texts)


def test_a_formula_that_is_cut_off_says_so():
    many = [leaf([1.0]) for _ in range(60)]
    (box,) = [box for box in draw(np.sum(np.concatenate(many)), most=1000).boxes if "[t0, t1," in box.title]
    assert box.title.endswith(" …")
    assert "t59" in box.more


def test_a_round_or_two_of_little_are_not_folded():
    """A fold in place of one operation would hide it and save nothing."""
    x = leaf([0.5])
    t = np.sin(np.cos(np.exp(np.tanh(np.tanh(np.tanh(x))))))
    assert not any(box.kind == "fold" for box in draw(t, most=2).boxes)


def test_a_leaf_alone_is_a_drawing_too():
    assert [box.kind for box in draw(leaf(1.0)).boxes] == ["result"]
    assert draw(leaf(1.0)).svg()


# ---- folding -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (deep, "… 17 more rounds of\n  np.tanh(·)\n  linear(·, ·, ·)\n34 operations, 34 leaves"),
        (recurrent, "108 operations"),
        (residual, "… 9 more rounds of\n  linear(·, ·, ·)\n  relu(·)\n  · + ·\n27 operations, 18 leaves"),
    ],
)
def test_what_repeats_is_folded_and_counted(make, says):
    (fold,) = [box for box in draw(*make()).boxes if box.kind == "fold"]
    assert fold.text.endswith(says)
    assert sum(map(int, re.findall(r"(\d+) (?:operation|lea)", fold.text))) == len(fold.lines)
    assert not any(box.kind == "fold" for box in draw(*make(), most=1000).boxes)


@given(
    st.text("abc", max_size=6),
    st.text("xyz", min_size=1, max_size=4),
    st.integers(3, 9),
    st.text("abc", max_size=6),
)
def test_a_planted_repetition_is_found(before, unit, times, after):
    sequence = before + unit * times + after
    found = folds(sequence, lambda found: False)
    assert all(a.stop <= b.start for a, b in itertools.pairwise(found))
    hidden = sum(fold.stop - fold.start for fold in found)
    assert hidden >= len(unit) * (times - 2)
    for fold in found:  # the rounds before, in, and after the fold are the same
        one = sequence[fold.start - fold.period : fold.start]
        assert one * (fold.times + 2) == sequence[fold.start - fold.period : fold.stop + fold.period]


def test_rounds_agree_where_each_source_is_as_far_back_or_the_same():
    def read(source):  # a round reads one source, and its own result of the round before
        return [("read",), (source, "input")], [("add",), ("1 back",), ("2 back",)]

    rounds = [operation for i in range(9) for operation in read(f"{2 * i} back")]
    assert [(fold.start, fold.stop) for fold in folds(rounds, lambda found: False)] == [(2, 16)]
    rounds[8] = [("read",), ("8 back", "another input")]
    assert [(fold.start, fold.stop) for fold in folds(rounds, bool)] == [(2, 6)]


@given(st.permutations(range(20)))
def test_where_nothing_repeats_nothing_is_folded(sequence):
    assert folds([[(item,)] for item in sequence], lambda found: False) == []


def test_different_operations_are_not_taken_for_the_same():
    t = leaf([1.0, 2.0])
    for i in range(30):
        t = np.sin(t) if (i * i) % 5 < 2 else np.cos(t)
    lines = tg.trace(np.sum(t))
    folded = [box for box in draw(np.sum(t), most=14).boxes if box.kind == "fold"]
    assert folded
    for box in folded:
        rounds = int(box.text.split()[1])
        for function in ("np.sin", "np.cos"):
            hidden = sum(lines[n].formula.startswith(function) for n in box.lines)
            assert hidden == rounds * box.text.count(function)


def test_a_long_chain_is_a_few_boxes():
    t = leaf([1.0])
    for _ in range(1000):
        t = t * 1.001
    drawing = draw(t)
    assert len(drawing.boxes) == 5
    assert "… 997 more rounds of" in drawing.dot()


def test_of_a_large_graph_without_repetition_the_middle_is_left_out():
    t, functions = leaf([0.5, 0.1]), [np.sin, np.tanh, np.arctan, np.sinh]
    for choice in np.random.default_rng(0).integers(0, 4, 400):
        t = functions[choice](t) * t if choice else functions[choice](t)
    drawing = draw(np.sum(t), most=20)
    assert len(drawing.boxes) < 80
    assert sum(len(box.lines) for box in drawing.boxes) == len(tg.trace(np.sum(t)))
    assert "not drawn" in drawing.svg() or "more round" in drawing.svg()


@pytest.mark.parametrize("others", [0, 30])
def test_of_many_leaves_of_one_operation_the_first_and_the_last_are_drawn(others):
    many = [leaf([1.0]) for _ in range(300)]
    more = [leaf([1.0]) for _ in range(others)]
    loss = np.sum(np.concatenate(many)) + (np.prod(np.concatenate(more)) if others else 0)
    drawing = draw(loss)
    folded = [box for box in drawing.boxes if box.kind == "fold"]
    assert [box.text for box in folded] == ["… 298 more\n298 leaves"] + ["… 28 more\n28 leaves"] * bool(others)
    assert len(drawing.boxes) < 12
    assert sorted(n for box in drawing.boxes for n in box.lines) == list(range(len(tg.trace(loss))))
    assert len(draw(loss, most=1000).boxes) == len(tg.trace(loss))


# ---- geometry ----------------------------------------------------------------------------------------------------
def overlaps(rectangles):
    """Pairs of (left, top, right, bottom) that share more than an edge."""
    return [
        (a, b)
        for a, b in itertools.combinations(rectangles, 2)
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]


def test_the_check_for_overlaps_finds_one():
    assert overlaps([(0, 0, 2, 2), (1, 1, 3, 3), (2, 0, 4, 1)]) == [((0, 0, 2, 2), (1, 1, 3, 3))]
    assert not overlaps([(0, 0, 2, 2), (2, 0, 4, 2), (0, 2, 2, 4)])


@every_graph
@pytest.mark.parametrize("most", [40, 10_000])
def test_no_box_overlaps_another_and_all_are_in_the_picture(make, most):
    drawing = draw(*make(), most=most)
    groups, _ = parsed(drawing)
    rectangles = []
    for group in groups:
        x, y, width, height = (float(group.find(f"{SVG}rect").get(key)) for key in ("x", "y", "width", "height"))
        rectangles.append((x, y, x + width, y + height))
        for text in group.iter(f"{SVG}text"):  # at most 0.602 of the font's size for a letter, as in DejaVu Sans Mono
            assert x <= float(text.get("x")) <= float(text.get("x")) + 13 * 0.603 * len(text.text) <= x + width
            assert y < float(text.get("y")) < y + height
    assert not overlaps(rectangles)
    left, top, width, height = map(float, ET.fromstring(drawing.svg()).get("viewBox").split())
    assert left < min(r[0] for r in rectangles)
    assert max(r[2] for r in rectangles) < left + width
    assert top < min(r[1] for r in rectangles)
    assert max(r[3] for r in rectangles) < top + height


@st.composite
def graphs(draw):
    n = draw(st.integers(1, 14))
    sizes = [(draw(st.integers(10, 200)), draw(st.integers(10, 90))) for _ in range(n)]
    pairs = list(itertools.combinations(range(n), 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=25)) if pairs else []
    return sizes, sorted(edges)


@given(graphs())
def test_boxes_are_apart_and_no_line_crosses_one(graph):
    sizes, edges = graph
    plan = layout(sizes, edges)
    boxes = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(plan.centres, sizes, strict=True)]
    assert not overlaps(boxes)
    slack = 1e-6
    for left, top, right, bottom in boxes:
        assert -slack <= left <= right <= plan.width + slack
        assert -slack <= top <= bottom <= plan.height + slack
    for (start, end), points in zip(edges, plan.lines, strict=True):
        assert points[0] == (plan.centres[start][0], boxes[start][3])
        assert points[-1][1] == boxes[end][1]
        assert boxes[end][0] <= points[-1][0] <= boxes[end][2]
        assert all(y0 <= y1 + slack for (_, y0), (_, y1) in itertools.pairwise(points))
        for (x0, y0), (x1, y1) in zip(points[::2], points[1::2], strict=True):  # straight down through a row
            assert x0 == x1
            assert not any(l < x0 < r and y0 < b - slack and t + slack < y1 for l, t, r, b in boxes)  # noqa: E741
        for (_, y0), (_, y1) in zip(points[1::2], points[2::2]):  # bent where there are no boxes
            assert not any(y0 < b - slack and t + slack < y1 for _, t, _, b in boxes)


def test_a_straight_chain_is_drawn_straight():
    plan = layout([(50, 20), (90, 30), (70, 20), (50, 20)], [(0, 1), (1, 2), (2, 3)])
    assert len({x for x, _ in plan.centres}) == 1


def test_crossings_that_can_be_avoided_are():
    """Two pairs, given crosswise."""
    plan = layout([(50, 20)] * 4, [(0, 3), (1, 2)])
    xs = [x for x, _ in plan.centres]
    assert (xs[0] < xs[1]) == (xs[3] < xs[2])


# ---- text and files ----------------------------------------------------------------------------------------------
NASTY = '<b>&"quoted"\\ `x` #1; \x00\x1b]'


def test_names_are_escaped():
    x = leaf([1.0, 2.0])
    drawing = draw(np.sum(x * 2), {NASTY: x})
    box = parsed(drawing)[0][0]  # it parses
    shown = [text.text for text in box.iter(f"{SVG}text")]
    assert '<b>&"quoted"\\ `x` #1;' in shown[0]
    assert "<b>" not in drawing.svg()
    assert "<b>" not in drawing.mermaid()
    for line in drawing.mermaid().splitlines()[2:4]:
        assert line.count('"') == 2
    label = re.search(r'label="((?:[^"\\]|\\.)*)"', drawing.dot())[1]
    assert '<b>&amp;\\"quoted\\"\\\\ ' in label
    assert not re.search(r"[\x00\x1b]", drawing.svg() + drawing.dot() + drawing.mermaid())


def test_it_needs_no_page_around_it():
    """Its own ground behind it, and dark letters, so that it reads on dark pages as well."""
    root = ET.fromstring(draw(*flip())._repr_svg_())
    ground = root.find(f"{SVG}rect")
    assert (ground.get("fill"), ground.get("width"), ground.get("height")) == ("#fff", "100%", "100%")
    assert {text.get("fill") for text in root.iter(f"{SVG}text")} == {"#000", "#555"}


def test_in_a_notebook_it_is_no_wider_than_the_page():
    drawing = draw(*layer_of_the_library())
    whole, shown = ET.fromstring(drawing.svg()), ET.fromstring(drawing._repr_svg_())
    assert float(whole.get("width")) > 940 == float(shown.get("width"))
    assert whole.get("viewBox") == shown.get("viewBox")
    width, height = (float(shown.get(key)) / float(whole.get(key)) for key in ("width", "height"))
    assert width == pytest.approx(height, rel=1e-3)
    assert draw(leaf(1.0))._repr_svg_() == draw(leaf(1.0)).svg()


def test_weights_stand_to_the_left_of_a_straight_chain():
    """weight, bias → linear → activation → loss, twice: the operations below each other, the leaves in a staircase."""
    leaves, operations = [(0, 4), (1, 4), (2, 6), (3, 6)], [(4, 5), (5, 6), (6, 7), (7, 8)]
    plan = layout([(300, 80)] * 9, leaves + operations)
    xs, ys = zip(*plan.centres, strict=True)
    assert max(xs[4:]) - min(xs[4:]) < 40
    assert max(xs[2:4]) < min(xs[4:]) - 300
    assert ys[2] < ys[3] < ys[6]


def test_saving(tmp_path):
    drawing = draw(*flip())
    for ending, text in ((".svg", drawing.svg()), (".dot", drawing.dot()), (".mmd", drawing.mermaid())):
        drawing.save(tmp_path / f"graph{ending}")
        assert (tmp_path / f"graph{ending}").read_text(encoding="utf-8") == text
    with pytest.raises(ValueError, match=r"draw writes .svg, .dot, .mmd, not .png: drawing.save\('graph.svg'\)"):
        drawing.save(tmp_path / "graph.png")
    assert "10 boxes and 9 arrows" in repr(drawing)


def test_draw_refuses_with_a_reason():
    loss, names = flip()
    loss.backward()
    with pytest.raises(RuntimeError, match="already used and freed this graph") as caught:
        draw(loss, names)
    assert "draw(loss)" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="remembers nothing"):
        draw(tg.Tensor(1.0))
    with pytest.raises(TypeError, match="names must be a dict"):
        draw(np.sum(leaf([1.0])), names=["W1"])
