"""`python -m mix_network` is the command `mix-network`, where scripts are not on the path."""

from mix_network.cli import main

main(prog_name="mix-network")
