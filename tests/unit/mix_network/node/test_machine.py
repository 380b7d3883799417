"""How busy a machine is, by files as Linux writes them."""

from pathlib import Path

from mix_network.node.machine import CACHED_S, LoadMeter
from mix_protocol.node_api.load import Load

GIB = 1 << 20
"""In the units of /proc/meminfo."""
HEAD = """Inter-|   Receive                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
    lo: 99999999999     1    0    0    0     0          0         0 99999999999     1    0    0    0     0       0
"""


class Machine:
    def __init__(self, folder: Path) -> None:
        (folder / "net").mkdir()
        self.folder = folder
        self.now = 100.0
        self.says()

    def says(self, load=0.2, available=15 * GIB, swap=0, swap_free=0, received=0, sent=0) -> None:
        (self.folder / "loadavg").write_text(f"9.99 {load} 0.01 1/234 5678\n")
        (self.folder / "meminfo").write_text(
            f"MemTotal: {16 * GIB} kB\nMemFree: 1 kB\nMemAvailable: {available} kB\n"
            f"SwapTotal: {swap} kB\nSwapFree: {swap_free} kB\nHugePages_Total: 0\n"
        )
        (self.folder / "net/dev").write_text(
            f"{HEAD}  eth0: {received} 1 0 0 0 0 0 0 {sent} 1 0 0 0 0 0 0\nenp3s0:{received} 1 0 0 0 0 0 0 {sent} 1\n"
            f"  wg0: 9{received} 1 0 0 0 0 0 0 9{sent} 1 0 0 0 0 0 0\n"
        )

    def meter(self) -> LoadMeter:
        return LoadMeter(lambda: self.now, self.folder, processors=2)


def test_each_figure_has_its_part(tmp_path):
    machine = Machine(tmp_path)
    meter = machine.meter()
    machine.now += 10
    machine.says(load=1.0, received=25_000_000, sent=250_000_000)  # two interfaces: 400 Mbit/s
    told = meter.assess()
    assert (told.machine, told.network, told.total) == (Load.MEDIUM, Load.MEDIUM, Load.HIGH)
    machine.says(load=0.2, available=1 * GIB)
    machine.now += CACHED_S - 1
    assert meter.assess() == told  # however often it is asked
    machine.now += 1
    told = meter.assess()
    assert (told.machine, told.network) == (Load.LOW, Load.UNKNOWN)
    machine.now += CACHED_S
    machine.says(load=0.2, swap=4 * GIB, swap_free=1 * GIB)
    assert meter.assess().machine == Load.LOW


def test_where_nothing_is_known_nothing_is_said(tmp_path):
    told = LoadMeter(lambda: 0.0, tmp_path / "none").assess()
    assert (told.machine, told.network, told.total) == (Load.UNKNOWN, Load.UNKNOWN, Load.UNKNOWN)
    (tmp_path / "loadavg").write_text("what")
    assert LoadMeter(lambda: 0.0, tmp_path).assess().machine == Load.UNKNOWN
