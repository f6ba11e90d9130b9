"""ARM parts and boards: what an implementer/part number or a device-tree model stands for."""

from __future__ import annotations

import re
from enum import Enum

from fishvoiced.hardware.facts import ArmPart


class PartKind(Enum):
    """The kind of machine in which a core is found."""

    SMALL = "small"
    SERVER = "server"
    NOTEBOOK = "notebook"
    APPLE = "apple"
    UNKNOWN = "unknown"


# (implementer, part) → name; the numbers are those of MIDR_EL1 in each maker's manuals.
_SMALL = {
    (0x41, 0xB76): "ARM1176",
    (0x41, 0xC05): "Cortex-A5",
    (0x41, 0xC07): "Cortex-A7",
    (0x41, 0xC08): "Cortex-A8",
    (0x41, 0xC09): "Cortex-A9",
    (0x41, 0xC0D): "Cortex-A12",
    (0x41, 0xC0E): "Cortex-A17",
    (0x41, 0xC0F): "Cortex-A15",
    (0x41, 0xD01): "Cortex-A32",
    (0x41, 0xD02): "Cortex-A34",
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD04): "Cortex-A35",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD09): "Cortex-A73",
    (0x41, 0xD0A): "Cortex-A75",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0D): "Cortex-A77",
    (0x41, 0xD41): "Cortex-A78",
    (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD44): "Cortex-X1",
    (0x41, 0xD46): "Cortex-A510",
    (0x41, 0xD47): "Cortex-A710",
    (0x41, 0xD48): "Cortex-X2",
    (0x41, 0xD4D): "Cortex-A715",
    (0x41, 0xD4E): "Cortex-X3",
    (0x41, 0xD80): "Cortex-A520",
    (0x41, 0xD81): "Cortex-A720",
    (0x41, 0xD82): "Cortex-X4",
    (0x4E, 0x003): "Denver 2",
    (0x4E, 0x004): "Carmel",
    (0x51, 0x800): "Kryo 260 Gold",
    (0x51, 0x801): "Kryo 260 Silver",
}
_SERVER = {
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4A): "Neoverse-E1",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x41, 0xD83): "Neoverse-V3AE",
    (0x41, 0xD84): "Neoverse-V3",
    (0x41, 0xD8E): "Neoverse-N3",
    (0x43, 0x0A1): "ThunderX",
    (0x43, 0x0AF): "ThunderX2",
    (0x46, 0x001): "A64FX",
    (0x48, 0xD01): "Kunpeng-920",
    (0x50, 0x000): "X-Gene",
    (0xC0, 0xAC3): "Ampere-1",
    (0xC0, 0xAC4): "Ampere-1a",
    (0xC0, 0xAC5): "Ampere-1b",
}
_NOTEBOOK = {
    (0x41, 0xD4B): "Cortex-A78C",
    (0x41, 0xD4C): "Cortex-X1C",
    (0x51, 0x001): "Oryon",
    (0x51, 0x002): "Oryon 2",
    (0x51, 0x804): "Kryo 4xx Gold",
    (0x51, 0x805): "Kryo 4xx Silver",
}
_APPLE_IMPLEMENTER = 0x61

_BOARDS = re.compile(
    r"raspberry pi|orange ?pi|radxa|rock ?(?:pi|\d)|banana ?pi|nano ?pi|nanopc|odroid|khadas"
    r"|jetson|libre ?computer|pine64|pinebook|rock64|quartz64|rockchip|rk3\d{3}|beagle"
    r"|turing rk1|tinker ?board|cubie|olimex|friendlyelec|hummingboard|udoo|allwinner"
    r"|amlogic|bcm2\d{3}|imx8|i\.mx",
    re.IGNORECASE,
)


def part_kind(part: ArmPart) -> PartKind:
    """The kind of machine that an ARM core is found in."""
    key = (part.implementer, part.part)
    if key in _SMALL:
        return PartKind.SMALL
    if key in _SERVER:
        return PartKind.SERVER
    if key in _NOTEBOOK:
        return PartKind.NOTEBOOK
    return PartKind.APPLE if part.implementer == _APPLE_IMPLEMENTER else PartKind.UNKNOWN


def part_name(part: ArmPart) -> str:
    """The core's name, or its two numbers when the tables do not have it."""
    key = (part.implementer, part.part)
    for table in (_SMALL, _SERVER, _NOTEBOOK):
        if key in table:
            return table[key]
    if part.implementer == _APPLE_IMPLEMENTER:
        return f"Apple core 0x{part.part:03x}"
    return f"implementer 0x{part.implementer:02x} part 0x{part.part:03x}"


def is_board(model: str) -> bool:
    """Whether a device-tree model is that of a single-board computer."""
    return _BOARDS.search(model) is not None
