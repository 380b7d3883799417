"""Memory after long cover traffic, without waiting for it: the worker's clock runs faster.

The published client has no option for the rate of its cover traffic, so both workers get other timers: what they take
for a minute takes seconds. The network's delays look longer to them for that, which changes nothing in what they send.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from bench.side_by_side.rows import MEMORY_COVER, SETUP
from bench.side_by_side.visit import Visit

SPEED = 5
"""How much faster. The local network, all nodes in one process, passes some 300 packets a second."""
_FASTER = """
{
  const speed = SPEED;
  const { setTimeout, setInterval } = self;
  const now = Performance.prototype.now;
  const [start, date] = [performance.now(), Date.now()];
  Performance.prototype.now = function () { return start + (now.call(this) - start) * speed; };
  Date.now = () => date + (performance.now() - start);
  self.setTimeout = (act, delay, ...rest) => setTimeout(act, delay / speed, ...rest);
  self.setInterval = (act, delay, ...rest) => setInterval(act, delay / speed, ...rest);
  self.framesSent = 0;
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (data) {
    self.framesSent += 1;
    return send.call(this, data);
  };
}
"""


def measure(visit: Visit, minutes: float) -> Mapping[str, float]:
    """Memory in MB, and how many packets were sent, after so many minutes of the worker's time."""
    visit.in_worker(_FASTER.replace("SPEED", str(SPEED)))
    SETUP.measure(visit)
    time.sleep(minutes * 60 / SPEED)
    packets = visit.in_worker("framesSent")
    return {MEMORY_COVER.key: visit.memory_mb(), "cover_packets": packets}
