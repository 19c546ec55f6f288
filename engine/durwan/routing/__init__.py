"""From the bytes of a request to the action it asks for: address, target, host, headers, routes, attributes."""

from durwan.routing.route import AttributeSource, Route, RouteTable
from durwan.routing.router import Routed, Router
from durwan.routing.rules import RequestRules, RequestRulesError

__all__ = ["AttributeSource", "RequestRules", "RequestRulesError", "Route", "RouteTable", "Routed", "Router"]
