"""The device tree: nodes, properties and handles; paths and aliases; the flattened form; reading it as text."""

from vof.tree.cells import (
    CellError,
    address_cells,
    child_address_cells,
    child_size_cells,
    decode_cells,
    decode_int,
    decode_int64,
    decode_reg,
    decode_string,
    decode_strings,
    encode_cells,
    encode_int,
    encode_int64,
    encode_reg,
    encode_string,
    encode_strings,
    size_cells,
)
from vof.tree.device_tree import DeviceTree
from vof.tree.dts import Reading, assignment, guess_reading, to_dts, to_json
from vof.tree.fdt import FdtError, build_fdt, is_tree_source, parse_fdt
from vof.tree.node import Children, Node
from vof.tree.paths import Step
from vof.tree.properties import Properties
from vof.tree.units import UnitError, decode_unit, encode_unit

__all__ = [
    "CellError",
    "Children",
    "DeviceTree",
    "FdtError",
    "Node",
    "Properties",
    "Reading",
    "Step",
    "UnitError",
    "address_cells",
    "assignment",
    "build_fdt",
    "child_address_cells",
    "child_size_cells",
    "decode_cells",
    "decode_int",
    "decode_int64",
    "decode_reg",
    "decode_string",
    "decode_strings",
    "decode_unit",
    "encode_cells",
    "encode_int",
    "encode_int64",
    "encode_reg",
    "encode_string",
    "encode_strings",
    "encode_unit",
    "guess_reading",
    "is_tree_source",
    "parse_fdt",
    "size_cells",
    "to_dts",
    "to_json",
]
