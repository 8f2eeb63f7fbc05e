"""A tenant as live ones were observed: written from what was seen there, apart from the sandbox and from the product.

The product must not only fit its own simulation. Nothing here imports either of the two.
"""

from tests.support.live_tenant.company import Company, whole_company
from tests.support.live_tenant.server import LiveTenant, Request, written_forms

__all__ = ["Company", "LiveTenant", "Request", "whole_company", "written_forms"]
