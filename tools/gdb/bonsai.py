"""Tensors in gdb: type, shape, where it lies and the first values, instead of a pointer.

  ./bonsai build debug && gdb -x tools/gdb/bonsai.py --args build-debug/bin/lth_mnist --quick
  (gdb) print w
  $1 = f32 (300, 784) cpu, from masked [0.0518847, -0.0235, ... 235192 more]

What is printed is read from the process's memory: no function of the program is called, so a core file will do.
"""
import gdb
import gdb.printing

LETTERS = {"f32": "float", "f64": "double", "i64": "long", "u8": "unsigned char"}
MOST = 8  # values shown


def numbers(shape):
    return [int(shape["sizes_"]["_M_elems"][i]) for i in range(int(shape["rank_"]))]


def words(sizes):
    return "(" + ", ".join(map(str, sizes)) + ")"


def enumerator(value):
    return str(value).split("::")[-1]


class ShapePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return words(numbers(self.value))


class TensorPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        handle = self.value["body_"]["p_"]
        if not int(handle):
            return "undefined"
        try:
            body = handle.dereference()
            dtype, sizes, storage = enumerator(body["dtype"]), numbers(body["shape"]), body["storage"]["p_"].dereference()
        except (gdb.error, RuntimeError):
            return "a tensor, of which this program does not say how it lies in memory; ./bonsai build debug makes one that does"
        device, node = enumerator(storage["device"]), body["node"]
        text = f"{dtype} {words(sizes)} {device}"
        if int(node):
            text += ", from " + node["op"].string()
        elif bool(body["leaf_requires_grad"]):
            text += ", requires grad"
        if device != "cpu":
            return text
        count = 1
        for size in sizes:
            count *= size
        data = storage["data"].cast(gdb.lookup_type(LETTERS[dtype]).pointer())
        shown = [f"{float(data[i]):.6g}" if dtype[0] == "f" else str(int(data[i])) for i in range(min(count, MOST))]
        if count > MOST:
            shown.append(f"... {count - MOST} more")
        return f"{text} [{', '.join(shown)}]"


printers = gdb.printing.RegexpCollectionPrettyPrinter("bonsai")
printers.add_printer("Tensor", "^bonsai::Tensor$", TensorPrinter)
printers.add_printer("Shape", "^bonsai::Shape$", ShapePrinter)
gdb.printing.register_pretty_printer(None, printers, replace=True)
