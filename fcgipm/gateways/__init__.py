"""Gateways: how a request reaches an application and its answer comes back. They know no sockets: an `Exchange` carries the bytes."""
