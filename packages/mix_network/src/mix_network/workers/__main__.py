"""One worker process; `mix-network up --workers` starts it."""

from mix_network.workers.worker import main

main()
