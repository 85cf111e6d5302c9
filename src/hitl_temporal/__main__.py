"""`python -m hitl_temporal` is the command `hitl`."""

from hitl_temporal.cli import main

if __name__ == "__main__":
    main()
