"""Mac-on-Linux's calls and the paravirtual devices behind them (`facts`: docs/osi.md)."""
