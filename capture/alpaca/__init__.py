"""The wire: Alpaca devices over HTTP. The only room that imports alpyca."""
