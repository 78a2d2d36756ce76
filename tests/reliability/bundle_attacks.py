"""Bundles as somebody could make them who wants to harm: each must work, or be refused in one line."""

import hashlib
import io
import json
import os
import shutil
import zipfile

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from ner_mx.inference.bundle_folder import MANIFEST


def rehash(folder):
    """Let the manifest name the files that are there."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"] = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())
                         if path.name != MANIFEST}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def changed_file(name, change):
    """An attack that changes the bytes of a file."""

    def attack(folder):
        (folder / name).write_bytes(change((folder / name).read_bytes()))
        rehash(folder)

    return attack


def changed_json(name, change):
    """An attack that changes a JSON file; ``change`` may return another value."""

    def edit(content):
        value = json.loads(content)
        return json.dumps(change(value) or value).encode("utf-8", "surrogatepass")

    return changed_file(name, edit)


def changed_manifest(**changes):
    """Other values in the manifest."""

    def attack(folder):
        manifest = {**json.loads((folder / MANIFEST).read_bytes()), **changes}
        (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")

    return attack


def changed_config(change):
    """Another configuration."""

    def edit(content):
        values = yaml.safe_load(content)
        return yaml.safe_dump(change(values) or values).encode()

    return changed_file("config.yaml", edit)


def changed_graph(change, name="model.onnx"):
    """Another graph; ``change`` gets the model and may return another."""

    def edit(content):
        model = onnx.load_from_string(content)
        return (change(model) or model).SerializeToString()

    return changed_file(name, edit)


def changed_arrays(name, change):
    """Other arrays; ``change`` gets a dictionary of them."""

    def edit(content):
        arrays = dict(np.load(io.BytesIO(content)))
        arrays = change(arrays) or arrays
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    return changed_file(name, edit)


def whole_files(names):
    """Files that are missing, or no files at all."""
    def replaced(name, make):
        def attack(folder):
            (folder / name).unlink()
            make(folder / name)
        return attack

    def sparse(path):
        with open(path, "wb") as file:
            file.truncate(50 << 30)

    def outside(path):
        target = path.parent.parent / "secret.env"
        target.write_text("SECRET=1")
        path.symlink_to(target)

    kinds = {"missing": lambda path: None, "folder": lambda path: path.mkdir(), "pipe": os.mkfifo,
             "zeros without end": lambda path: path.symlink_to("/dev/zero"), "sparse 50 GB": sparse,
             "link outside": outside, "empty": lambda path: path.write_bytes(b""),
             "zeros": lambda path: path.write_bytes(bytes(1000)), "itself": lambda path: path.symlink_to(path)}
    for name in names:
        for kind, make in kinds.items():
            yield f"{name}: {kind}", replaced(name, make)
        # The same with a manifest that agrees, so that the parser sees it.
        yield f"{name}: empty, in the manifest", changed_file(name, lambda content: b"") if name != MANIFEST else (
            replaced(name, kinds["empty"]))


def _external(model, location):
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "960")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


def _before_output(model, *nodes, constants=()):
    """Nodes that compute the output, called ``emissions`` in them, from ``scores``."""
    output = model.graph.node[-1].output[0]
    model.graph.node[-1].output[0] = "scores"
    for node in nodes:
        node.output[:] = [output if name == "emissions" else name for name in node.output]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(numpy_helper.from_array(np.array(value), name) for name, value in constants)


def _doubling(model, times=40):
    names = ["scores", *(f"double{number}" for number in range(times))]
    nodes = [helper.make_node("Concat", [before, before], [after], axis=0) for before, after in zip(names, names[1:])]
    _before_output(model, *nodes, helper.make_node("Slice", [names[-1], "zero", "one", "zero"], ["emissions"]),
                   constants=[("zero", [0]), ("one", [1])])


def _large(model, count, in_turn):
    """Large arrays, of each of which a column remains; in turn, each is made from that of the one before."""
    nodes, constants, before = [], [], "scores"
    for number in range(count):
        last = "emissions" if number == count - 1 else f"sum{number}"
        nodes += [helper.make_node("Pad", [before if in_turn else "scores", f"pads{number}"], [f"large{number}"]),
                  helper.make_node("ReduceMax", [f"large{number}"], [f"most{number}"], axes=[2], keepdims=1),
                  helper.make_node("Add", [before, f"most{number}"], [last])]
        constants.append((f"pads{number}", [0, 0, 0, 0, 0, 12_000 + number % 7]))
        before = last
    _before_output(model, *nodes, constants=constants)


def _loop(model):
    body = helper.make_graph([
        helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["state"], ["next"])], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("go",
            TensorProto.BOOL, []),
         helper.make_tensor_value_info("state", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []),
         helper.make_tensor_value_info("next", TensorProto.FLOAT, None)])
    _before_output(model, helper.make_node("Loop", ["trips", "", "scores"], ["emissions"], body=body),
                   constants=[("trips", 10 ** 15)])


def _inserted(operator, inputs, constants=(), domain="", **attributes):
    def change(model):
        _before_output(model, helper.make_node(operator, inputs, ["emissions"], domain=domain, **attributes),
                       constants=constants)
        if domain:
            model.opset_import.append(helper.make_opsetid(domain, 1))
    return change


def _weights(number, change):
    def edit(model):
        tensor = model.graph.initializer[number]
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(change(numpy_helper.to_array(tensor).copy())),
                                                tensor.name))
    return edit


def _set(place, value):
    def change(array):
        array.reshape(-1)[place] = value
        return array
    return change


def graphs(model, file):
    """Graphs with operators, data, sizes and values of other kinds."""
    def changed(change):
        return changed_graph(change, file)

    for location in ("secret.env", "../secret.env", "/etc/hostname", "", "sub/secret.env"):
        yield f"external data at {location!r}", changed(lambda model, at=location: _external(model, at))
    yield "a loop of 10^15 trips", changed(_loop)
    yield "an array doubled 40 times", changed(_doubling)
    yield "an array doubled 5,000 times", changed(lambda model: _doubling(model, 5000))
    yield "60 large arrays, each of which may wait for the others", changed(lambda model: _large(model, 60, False))
    yield "1,000 large arrays, one after the other", changed(lambda model: _large(model, 1000, True))
    for operator in ("If", "Scan", "Expand", "Tile", "ConstantOfShape", "RandomNormal", "Einsum", "NonZero", "Resize",
                     "StringNormalizer", "Unique", "Exp", "Sqrt", "Div", "Sequence", "Loop", "OneHot", "TopK"):
        yield f"the operator {operator}", changed(_inserted(operator, ["scores"]))
    for domain in ("com.microsoft", "ai.onnx.ml", "com.microsoft.experimental", "ner_mx"):
        yield f"operators of {domain}", changed(_inserted("Gelu", ["scores"], domain=domain))
    yield "a pad of 10^15", changed(_inserted("Pad", ["scores", "pads"], [("pads", [0, 0, 0, 10 ** 15, 0, 0])]))
    yield "a negative pad", changed(_inserted("Pad", ["scores", "pads"], [("pads", [0, 0, -1, 0, 0, 0])]))
    yield "an outer product", changed(lambda model: _before_output(
        model, helper.make_node("Unsqueeze", ["scores", "zero"], ["rows"]),
        helper.make_node("Unsqueeze", ["scores", "one"], ["columns"]), helper.make_node("Add", ["rows", "columns"],
            ["outer"]),
        helper.make_node("ReduceMax", ["outer"], ["emissions"], axes=[0], keepdims=0),
        constants=[("zero", [0, 1]), ("one", [2, 3])]))
    yield "an axis beyond the array", changed(_inserted("LogSoftmax", ["scores"], axis=7))
    yield "an unknown attribute", changed(_inserted("LogSoftmax", ["scores"], axis=2, secret=1))
    yield "an attribute of another type", changed(_inserted("LogSoftmax", ["scores"], axis=2.5))
    yield "a concatenation of nothing", changed(_inserted("Concat", [], axis=0))
    yield "an operator without inputs", changed(_inserted("Tanh", []))
    yield "an operator with many inputs", changed(_inserted("Tanh", ["scores"] * 50))
    yield "an input that is not there", changed(_inserted("Tanh", ["nothing"]))
    yield "emissions as integers", changed(_inserted("Cast", ["scores"], to=7))
    yield "emissions in 16 bits", changed(_inserted("Cast", ["scores"], to=10))
    yield "emissions of two dimensions", changed(_inserted("ReduceMax", ["scores"], axes=[0], keepdims=0))
    yield ("emissions with axes exchanged",
           changed(_inserted("Reshape", ["scores", "shape"], [("shape", [-1, 0, 1])])))
    yield "the last tag missing", changed(_inserted("Slice", ["scores", "a", "b", "c"],
                                                          [("a", [0]), ("b", [-1]), ("c", [2])]))
    yield "a tag more", changed(_inserted("Pad", ["scores", "pads"], [("pads", [0, 0, 0, 0, 0, 1])]))
    yield "a range to 10^12", changed(lambda model: _before_output(
        model, helper.make_node("Range", ["a", "b", "c"], ["range"]), helper.make_node("Identity", ["scores"],
            ["emissions"]),
        constants=[("a", 0), ("b", 10 ** 12), ("c", 1)]))
    yield "5,000 matrix products", changed(_products)
    yield "30,000 nodes", changed(lambda model: _before_output(model, *(
        helper.make_node("Tanh", ["scores"], [f"t{number}"]) for number in range(30_000)),
        helper.make_node("Tanh", ["scores"], ["emissions"])))
    yield "nodes in a circle", changed(lambda model: model.graph.node.reverse())
    yield "a number that an operator changes, as the limit of a range", changed(lambda model: _before_output(
        model, helper.make_node("Tanh", ["a"], ["tanh"]), helper.make_node("Cast", ["tanh"], ["first"], to=7),
        helper.make_node("Range", ["first", "b", "c"], ["range"]), helper.make_node("Identity", ["scores"],
            ["emissions"]),
        constants=[("a", np.float32(4e8)), ("b", 400_000_005), ("c", 1)]))
    yield "a number that an operator changes, as the border of a slice", changed(lambda model: _before_output(
        model, helper.make_node("Relu", ["a"], ["relu"]), helper.make_node("Cast", ["relu"], ["begin"], to=7),
        helper.make_node("Slice", ["scores", "begin", "end", "axes"], ["part"]),
        helper.make_node("Identity", ["scores"], ["emissions"]),
        constants=[("a", np.float32([-1])), ("end", [9]), ("axes", [0])]))
    for count in (1, 8, 32):
        yield f"batches of {count} sentences alone", changed(
            _inserted("Slice", ["scores", "zero", "end", "one"], [("zero", [0]), ("end", [count]), ("one", [1])]))
    yield "products of sentences", changed(lambda model: _before_output(
        model, *(node for number in range(4) for node in (
            helper.make_node("Unsqueeze", ["scores", f"axes{number}"], [f"copy{number}"]),)),
        helper.make_node("Add", ["copy0", "copy1"], ["two"]), helper.make_node("Add", ["copy2", "copy3"], ["three"]),
        helper.make_node("Add", ["two", "three"], ["four"]), helper.make_node("Identity", ["scores"], ["emissions"]),
        constants=[(f"axes{number}", [axis for axis in range(4) if axis != number]) for number in range(4)]))
    for size in (1024, 16_000):
        yield f"a product of integer constants of {size} rows", changed(lambda model, size=size: _before_output(
            model, helper.make_node("Add", ["column", "row"], ["square"]),
            helper.make_node("MatMul", ["square", "square"], ["product"]),
            helper.make_node("Identity", ["scores"], ["emissions"]),
            constants=[("column", np.zeros((size, 1), np.int64)), ("row", np.zeros((1, size), np.int64))]))
    for name, field in (("nodes", b"\x0a\x00"), ("value infos", b"\x6a\x00"), ("constants", b"\x2a\x00")):
        yield f"four million empty {name}", changed_file(file, lambda content, field=field: _with_field(
            content, field * (4 << 20)))
    yield "two outputs", changed(lambda model: model.graph.output.append(
        helper.make_tensor_value_info("words", TensorProto.INT32, ("T", "N"))))
    yield "no output", changed(lambda model: model.graph.ClearField("output"))
    yield "no input", changed(lambda model: model.graph.ClearField("input"))
    yield "an input more", changed(lambda model: model.graph.input.append(
        helper.make_tensor_value_info("secrets", TensorProto.INT32, ("T", "N"))))
    yield "an input that is a constant, too", changed(lambda model: model.graph.input.append(
        helper.make_tensor_value_info("constant0", TensorProto.FLOAT, (20, 12))))
    yield "an input of another type", changed(
        lambda model: setattr(model.graph.input[0].type.tensor_type, "elem_type", TensorProto.FLOAT))
    yield "an input of a fixed size", changed(
        lambda model: setattr(model.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 3))
    for version in (1, 12, 14, 99, -1):
        yield f"operators of version {version}", changed(
            lambda model, number=version: setattr(model.opset_import[0], "version", number))
    for version in (0, 9, 10 ** 9):
        yield (f"ONNX's version {version}",
               changed(lambda model, number=version: setattr(model, "ir_version", number)))
    yield "a function", changed(lambda model: model.functions.append(helper.make_function(
        "evil", "f", ["x"], ["y"], [helper.make_node("Tanh", ["x"], ["y"])], [helper.make_opsetid("", 13)])))
    yield "training information", changed(lambda model: model.training_info.add())
    yield "metadata", changed(lambda model: model.metadata_props.add())
    yield "a sparse constant", changed(lambda model: model.graph.sparse_initializer.add())
    yield "two graphs", changed_file(file, lambda content: content * 2)
    yield "the model of another feature", _exchanged
    yield "the tagger of parts of speech as the model", changed_both("pos.onnx", "pos.onnx")
    yield "the model as the tagger of parts of speech", changed_both("model.onnx", "model.onnx")
    for number, tensor in enumerate(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 1:
            for kind, value in (("NaN", np.nan), ("infinity", np.inf), ("1e38", 1e38), ("-1e38", -1e38)):
                yield f"{kind} in {tensor.name} {values.shape}", changed(_weights(number, _set(0, value)))
            yield f"NaN all over {tensor.name}", changed(_weights(number, lambda array: array * np.nan))
            yield f"1e38 all over {tensor.name}", changed(_weights(number, lambda array: array * 0 + 1e38))
        if values.ndim >= 2:
            yield (f"a row less in {tensor.name} {values.shape}",
                   changed(_weights(number, lambda array: array[:-1])))
            yield f"a row more in {tensor.name}", changed(
                _weights(number, lambda array: np.concatenate([array, array[:1]])))
            yield f"transposed {tensor.name}", changed(_weights(number, lambda array: array.T))
            yield f"another dimension of {tensor.name}", changed(_weights(number, lambda array: array[..., :-1]))
        if values.dtype == np.int64:
            yield f"10^12 in {tensor.name}", changed(_weights(number, _set(0, 10 ** 12)))
            yield f"-5 in {tensor.name}", changed(_weights(number, _set(0, -5)))
        yield f"another type of {tensor.name}", changed(_weights(number, lambda array: array.astype(np.float64)))
        yield f"no bytes in {tensor.name}", changed(
            lambda model, at=number: setattr(model.graph.initializer[at], "raw_data", b""))
        yield f"a dimension of 2^40 in {tensor.name}", changed(
            lambda model, at=number: model.graph.initializer[at].dims.append(2 ** 40))


def word_vectors():
    """Vectors of word types that are too large, empty, of several sizes, or not read."""
    def changed(*arguments, **attributes):
        return changed_graph(_inserted(*arguments, **attributes), "model.words.onnx")

    yield "vectors of 10,000 dimensions", changed("Pad", ["scores", "pads"], [("pads", [0, 0, 0, 0, 0, 10_000])])
    yield "vectors of no dimension", changed("Slice", ["scores", "a", "b", "c"], [("a", [0]), ("b", [0]), ("c", [2])])
    yield "vectors of all types as one", changed("Reshape", ["scores", "shape"], [("shape", [1, 1, -1])])
    yield "a dimension less", changed("Slice", ["scores", "a", "b", "c"], [("a", [0]), ("b", [-1]), ("c", [2])])
    yield "a model that reads no vectors", changed_graph(_without_vectors)
    yield "vectors whose dimension is that of the longest word", changed_graph(_widened, "model.words.onnx")
    yield "vectors of a dimension with a name", changed_graph(_named_width)
    for file in ("model.onnx", "model.words.onnx"):
        for kind, nodes, constants in (
                ("constants", [helper.make_node("Slice", ["flat", "begin", "end", "zero"], ["some"])],
                 [("begin", [-100]), ("end", [20])]),
                ("the text", [helper.make_node("Shape", ["flat"], ["size"]),
                              helper.make_node("Slice", ["many", "size", "end", "zero"], ["some"])],
                 [("many", np.zeros(4096, np.float32)), ("end", [2 ** 62])])):
            yield f"{file}: larger for a smaller batch, by borders from {kind}", changed_graph(
                lambda model, nodes=nodes, constants=constants: _growing(model, nodes, constants), file)
    yield "the words of parts of speech", changed_both("pos.words.onnx", "model.words.onnx")


def _growing(model, nodes, constants):
    """An array that is empty for the largest batches, and doubled for the others."""
    doubled = [helper.make_node("Concat", [before, before], [after], axis=0) for before, after in zip(
        ["some", *(f"more{number}" for number in range(25))], [f"more{number}" for number in range(26)])]
    _before_output(model, helper.make_node("Reshape", ["scores", "all"], ["flat"]), *nodes, *doubled,
                   helper.make_node("Shape", ["more25"], ["sizes"]),
                   helper.make_node("Gather", ["sizes", "zeros"], ["pads"]),
                   helper.make_node("Pad", ["flat", "pads"], ["longer"]),
                   helper.make_node("Identity", ["scores"], ["emissions"]),
                   constants=[("all", [-1]), ("zero", [0]), ("zeros", [0, 0]), *constants])


def _widened(model):
    """Zeros after the vectors, as many as the longest word has characters."""
    _before_output(model, helper.make_node("Shape", ["characters"], ["size"]),
                   helper.make_node("Gather", ["size", "places"], ["pads"]),
                   helper.make_node("Pad", ["scores", "pads"], ["emissions"]), constants=[("places", [0] * 6)])


def _named_width(model):
    """The dimension of the vectors as that of any array."""
    given = next(value for value in model.graph.input if value.name == "word_vectors")
    given.type.tensor_type.shape.dim[2].dim_param = "D"


def _without_vectors(model):
    """Constants in the place of the vectors."""
    given = next(value for value in model.graph.input if value.name == "word_vectors")
    width = given.type.tensor_type.shape.dim[2].dim_value
    model.graph.input.remove(given)
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((5, 1, width), np.float32), "word_vectors"))


def _with_field(content, field):
    """A model whose graph has further fields."""
    model = onnx.load_from_string(content)
    graph = model.graph.SerializeToString() + field
    model.ClearField("graph")
    size, length = len(graph), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return model.SerializeToString() + b"\x3a" + bytes([*length, size]) + graph


def _products(model):
    classes = model.graph.output[0].type.tensor_type.shape.dim[2].dim_value
    names = ["scores", *(f"p{number}" for number in range(5000)), "emissions"]
    _before_output(model, *(helper.make_node("MatMul", [before, "wide"], [after])
                            for before, after in zip(names, names[1:])),
                   constants=[("wide", np.eye(classes, dtype=np.float32))])


def changed_both(source, target):
    """One file under the names of both networks."""
    def attack(folder):
        content = (folder / source).read_bytes()
        for name in ("model.onnx", "pos.onnx"):
            (folder / name).write_bytes(content)
        rehash(folder)
    return attack


def _exchanged(folder):
    one, two = (folder / "model.onnx").read_bytes(), (folder / "pos.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(two)
    (folder / "pos.onnx").write_bytes(one)
    rehash(folder)


def vocabularies():
    """Vocabularies and tags that do not fit, or are none."""
    def features(change):
        return changed_json("vocab.json", lambda value: value.update(features=change(value["features"])))

    def tags(change):
        return changed_json("vocab.json", lambda value: value.update(tags=change(value["tags"])))

    for name in ("characters", "pos"):
        yield f"{name}: one more", features(lambda value, name=name: {**value, name: [*value[name], "new"]})
        yield f"{name}: one less", features(lambda value, name=name: {**value, name: value[name][:-1]})
        for state in ([], None, {}, "text", 5, [1, 2], [["a"]], ["a", "a"], [None]):
            yield f"{name}: {state}", features(lambda value, name=name, state=state: {**value, name: state})
    for words in (["a"], [], None, ["a"] * 10, list(map(str, range(100_000)))):
        yield f"words: {str(words)[:20]}", features(
            lambda value, words=words: {**value, "words": {"words": words, "vector_dimension": None}})
    for dimension in (0, -1, 7, 10 ** 9, "12", 1.5, True):
        yield f"dimension of vectors: {dimension}", features(
            lambda value, dimension=dimension: {**value, "words": {**value["words"], "vector_dimension": dimension}})
    yield "words without state", features(lambda value: {**value, "words": {}})
    yield "a feature more", features(lambda value: {**value, "secret": []})
    yield "a feature less", features(lambda value: {name: state for name, state in value.items() if name != "casing"})
    yield "no features", features(lambda value: {})
    yield "features as a list", features(lambda value: [])
    yield "no tags", tags(lambda value: [])
    for wrong in ("x0", "Q-PER", "", "O", "B-", "-PER", "B-\ud800", "B-PER\n", "I-PER", 5, None, ["B-PER"]):
        yield f"the tag {wrong!r}", tags(lambda value, wrong=wrong: [*value[:-1], wrong])
        yield f"the tag {wrong!r} more", tags(lambda value, wrong=wrong: [*value, wrong])
    yield "tags without O", tags(lambda value: value[1:])
    yield "O at the end", tags(lambda value: [*value[1:], "O"])
    yield "tags in another order", tags(lambda value: [value[0], *value[:0:-1]])
    yield "labels that are lone surrogates", tags(lambda value: [tag.replace("PER", "\ud800") for tag in value])
    yield "labels with line ends", tags(lambda value: [tag.replace("PER", "P\nR") for tag in value])
    yield "labels that move the cursor", tags(lambda value: [tag.replace("PER", "\x1b[2J") for tag in value])
    yield "labels of a million letters", tags(lambda value: [tag.replace("PER", "P" * 10 ** 6) for tag in value])
    yield "tags of another encoding", tags(lambda value: ["O", *(f"{p}-{t}" for t in ("LOC", "ORG",
        "PER") for p in "BI")])
    yield "10,000 types", tags(lambda value: ["O", *(f"{p}-{t:05}" for t in range(10_000) for p in "BILU")])
    yield "a million lists beside the vocabulary", changed_file(
        "vocab.json", lambda content: content.rstrip()[:-1] + b', "x": [' + b"[]," * 1_000_000 + b"[]]}")
    for content in (b"[", b"[" * 100_000, b"{}", b"[]", b"null", b"1" * 5000, b"NaN", b'{"tags":' * 50_000,
                    b'"\\ud800"', b"\xff\xfe", b"{}" * 2, b'{"tags": 1e999}'):
        yield f"vocab.json: {content[:12]}", changed_file("vocab.json", lambda old, content=content: content)


def configurations():
    """Configurations that do not fit, or are attacks on the parser."""
    for name in ("words", "characters", "casing", "pos", "lexicons"):
        yield f"{name} off", changed_config(lambda value, name=name: value["features"].update({name: {"use": False}}))
        yield f"{name} missing", changed_config(lambda value, name=name: value["features"].pop(name) and None)
        yield f"{name} is a list", changed_config(lambda value, name=name: value["features"].update({name: []}))
    for key, value in (("width", 10 ** 6), ("width", -1), ("filters", 10 ** 9), ("dimension", 0), ("types", True),
                       ("activation", "evil"), ("width", 10 ** 4000)):
        yield f"characters.{key}: {str(value)[:9]}", changed_config(
            lambda values, key=key, value=value: values["features"]["characters"].update({key: value}))
    for key, value in (("tag_encoding", "IOB2"), ("tag_encoding", "secret"), ("digits", "each"), ("digits", 5)):
        yield f"features.{key}: {value}", changed_config(
            lambda values, key=key, value=value: values["features"].update({key: value}))
    for key, value in (("learns_transitions", False), ("split_digits", True), ("decoding", {"method": "argmax"}),
                       ("decoding", {"method": "evil"}), ("tokenizer", {"name": "evil"}), ("secret", 1),
                       ("tokenizer", {"name": "spacy", "language": "../../evil"}), ("tokenizer",
                           {"language": "x" * 99}),
                       ("tokenizer", {"name": "spacy", "language": "os"}), ("tokenizer", {"language": ["en"]}),
                       ("tokenizer", {"language": "../../../../etc/passwd"}), ("tokenizer", {"language": ""})):
        yield f"{key}: {value}", changed_config(lambda values, key=key, value=value: values.update({key: value}))
    laughs = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    merges = "m0: &m0 {a0: 1}\n" + "".join(
        f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}], a{n}: 1}}\n" for n in range(1, 12))
    nested = ", ".join(["&a0 [x,x,x,x,x,x,x,x,x,x]", *(
        f"&a{n} [" + ",".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 12))])
    inside = "features:\n  words:\n    - &a0 {k0: 1, k1: 1}\n" + "".join(
        f"    - &a{n} {{<<: [" + ",".join([f"*a{n - 1}"] * 10) + "]}\n" for n in range(1, 12))
    for content in (merges, laughs, f"features: [{nested}]\n",
        inside, "features: [" + "a," * 30_000 + "a]", laughs + "features: *a11\n",
            "".join(f"k{n}: 1\n" for n in range(20_000)),
                    "features:\n" + "".join(f"  k{n}: 1\n" for n in range(20_000)), "&a [*a]", "a: &a {b: *a}",
                    "[" * 5000, "- " * 5000, "!!python/object/apply:os.system [id]", "!!python/name:os.system",
                        "x: " + "9" * 9999,
                    "? [a]\n: b", "<<: {a: 1}", "<<: *x", "{" * 3000 + "}" * 3000, "%YAML 9.9\n---\na",
                        "---\n---\n---", "\0",
                    "a: 2001-02-30", "features: &f\n  words: *f\n", "a: !!binary " + "A" * 9999, "x: 0x" + "f" * 9000,
                    "x: 1e" + "9" * 5000, "\ufeff{}", "features: {words: {use: 1" + "0" * 4000 + "}}"):
        yield (f"config.yaml: {content[:20]!r}",
               changed_file("config.yaml", lambda old, content=content: content.encode()))
    yield "config.yaml in another encoding", changed_file("config.yaml", lambda content: content + b"\xff\xfe")


def _npz(members, compressed=False):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def _array(values):
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


def arrays():
    """Arrays that do not fit, or are attacks on the archive."""
    for name, change in (
            ("exact", lambda a: a[::-1]), ("exact", lambda a: a.astype(float)), ("exact", lambda a: a[None]),
            ("exact", lambda a: a.astype(np.int64)), ("exact", lambda a: np.repeat(a, 2)), ("longest",
                lambda a: a * 0 + 10 ** 9),
            ("longest", lambda a: a * 0 - 1), ("longest", lambda a: np.array([1, 2])), ("longest", lambda a: a + 0.5),
            ("longest", lambda a: np.array("five")), ("name", lambda a: np.array([1, 2])), ("name", lambda a: a[:1]),
            ("name", lambda a: np.array(["x", "y"])), ("prefixes", lambda a: a.reshape(0,
                1) if not a.size else a[None]),
            ("suffixes", lambda a: np.array(5))):
        for number in (0, 2):
            yield f"lexicon {number} {name}: {change(np.arange(2)) if name == 'exact' else ''}", changed_arrays(
                "features.npz", lambda value, key=f"lexicons/{number} {name}", change=change: value.update(
                    {key: change(value[key])}))
    for name in ("exact", "prefixes", "suffixes", "longest", "name"):
        yield f"a lexicon without {name}", changed_arrays(
            "features.npz", lambda value, name=name: value.pop(f"lexicons/1 {name}") is None)
    yield "the last lexicon missing", changed_arrays("features.npz", lambda value: {
        key: array for key, array in value.items() if not key.startswith("lexicons/3")})
    yield "a lexicon more", changed_arrays("features.npz", lambda value: value.update(
        {key.replace("/3", "/4"): array for key, array in value.items() if key.startswith("lexicons/3")}))
    yield ("arrays of another feature",
           changed_arrays("features.npz", lambda value: value.update({"words/x": np.zeros(3)})))
    for name, change in (("NaN", lambda a: a * np.nan), ("infinity", lambda a: a + np.inf), ("64 bits",
        lambda a: a.astype(float)),
                         ("integers", lambda a: a.astype(int)), ("a row less", lambda a: a[:-1]), ("flat",
                             lambda a: a.reshape(-1)),
                         ("1e38", lambda a: a * 0 + 1e38), ("complex", lambda a: a.astype(complex))):
        for key in ("transitions", "start"):
            yield (f"{key}: {name}",
                   changed_arrays("transitions.npz", lambda value, key=key, change=change: value.update(
                       {key: change(value[key])})))
    for key in ("transitions", "start"):
        yield f"no {key}", changed_arrays("transitions.npz", lambda value, key=key: value.pop(key) is None)
    yield "scores more", changed_arrays("transitions.npz", lambda value: value.update({"end": value["start"]}))
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"
    huge = b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117) + b"\n"
    code = _array(np.array(["ab"])).replace("ab".encode("utf-32-le"), b"\xff" * 8)
    large = zipfile.ZIP64_LIMIT
    try:
        zipfile.ZIP64_LIMIT = 0  # the count of members is in a record for large archives
        many = _npz((f"{n}.npy", _array(np.zeros(0))) for n in range(5000))
    finally:
        zipfile.ZIP64_LIMIT = large
    hidden = many[:-22] + many[-22:-14] + b"\x01\x00\x01\x00" + many[-10:]
    for name, content in (
            ("5,000 members beside a count of one", hidden), ("100,000 members", _npz((f"{n}.npy",
                b"") for n in range(100_000))),
            ("60,000 members", _npz((f"{n}.npy", _array(np.zeros(0))) for n in range(60_000))),
            ("zeros, 1 GB unpacked", _npz([("transitions.npy", _array(np.zeros(1 << 27)))], compressed=True)),
            ("a shape of 10^12", _npz([("transitions.npy", huge)])), ("pickled objects", _npz([("start.npy",
                _array(np.array([{}])))])),
            ("a member twice", _npz([("a.npy", _array(np.zeros(3)))]) ), ("no arrays", _npz([])),
            ("a path", _npz([("../../evil.npy", _array(np.zeros(3)))])), ("no array", _npz([("start.npy", b"hello")])),
            ("characters beyond Unicode", _npz([("0 name.npy", code)])), ("no suffix", _npz([("start", b"")])),
            ("a header that is code", _npz([("start.npy",
                b"\x93NUMPY\x01\x00\x76\x00" + b"__import__('os')".ljust(118))])),
            ("a header of brackets", _npz([("start.npy", b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118)])),
            ("version 9", _npz([("start.npy", b"\x93NUMPY\x09\x00\x76\x00")])), ("nothing", b""), ("PK",
                b"PK\x05\x06")):
        for file in ("transitions.npz", "features.npz"):
            yield f"{file}: {name}", changed_file(file, lambda old, content=content: content)


def manifests():
    """Manifests with other values."""
    nested = current = []
    for _ in range(500):
        current.append([])
        current = current[0]
    for value in (5e-324, 1e-300, 0, -1, 1e300, float("nan"), float("inf"), "1", None, True, [], 10 ** 400):
        yield f"temperature {str(value)[:12]}", changed_manifest(temperature=value)
    for value in (3.5, "3", None, [], 10 ** 400, -1, 0, True, 1e308):
        yield f"format {str(value)[:12]}", changed_manifest(format=value)
    for value in ([], "text", None, 5, {"x": float("nan")}, {"x": "\ud800"}, {"\ud800": 1}, {"examples": 5},
                  {"examples": [5, None, {}]}, {"examples": "text"}, {"corpus": {"a": []}}, {"corpus": "<script>"},
                  {"x": nested}, {"x": 10 ** 400}, {"examples": ["\x1b[2J"]}, {"labels": 5}, {}):
        yield f"card {str(value)[:30]!r}", changed_manifest(card=value)
    for files in ([], {}, {"../../etc/passwd": "0"}, {"/etc/passwd": "0"}, {"model.onnx": 5}, {"a\n.onnx": "0"}, None,
                  {f"m{number}.onnx": "0" for number in range(10_000)}, {"manifest.json": "0"}, {"": "0"}):
        yield f"files {str(files)[:30]!r}", changed_manifest(files=files)

    def more(folder):
        shutil.copy(folder / "pos.onnx", folder / "other.onnx")
        rehash(folder)

    yield "a network more", more
    for content in (b"{" * 100_000, b'{"format": 3, "format": ' + b"9" * 5000 + b"}", b"\xef\xbb\xbf{}", b"\0",
        b'"' * 999):
        yield f"manifest.json: {content[:12]}", lambda folder, content=content: (folder / MANIFEST).write_bytes(content)


def attacks(folder):
    """Every attack on a copy of the bundle in a folder: a name, and a function that changes a copy."""
    names = sorted(path.name for path in folder.iterdir())
    yield from whole_files(names)
    yield from graphs(onnx.load(folder / "model.onnx"), "model.onnx")
    for name, attack in graphs(onnx.load(folder / "model.words.onnx"), "model.words.onnx"):
        yield f"words, {name}", attack
    yield from word_vectors()
    yield from vocabularies()
    yield from configurations()
    yield from arrays()
    yield from manifests()


def mutated(random, content):
    """A file with a few bytes changed, removed, repeated or moved."""
    content = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
        place = random.randrange(len(content) + 1)
        size = random.choice((1, 1, 2, 4, 8, 64, 1024))
        kind = random.randrange(6)
        if kind == 0 and place < len(content):
            content[place] ^= 1 << random.randrange(8)
        elif kind == 1:
            content[place:place + size] = random.randbytes(size)
        elif kind == 2:
            del content[place:place + size]
        elif kind == 3:
            content[place:place] = content[place:place + size]
        elif kind == 4:
            content[place:place + size] = random.choice((b"\xff", b"\0", b"9", b"-", b"[", b'"')) * size
        else:
            del content[place:]
    return bytes(content)
