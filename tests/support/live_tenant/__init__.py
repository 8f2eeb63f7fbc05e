"""A tenant written from observations of live tenants, independent of the sandbox and of the product.

It shows that the product fits more than its own simulation. Nothing here imports either of the two.
"""

from tests.support.live_tenant.company import Company
from tests.support.live_tenant.observed_events import whole_company
from tests.support.live_tenant.server import LiveTenant, Request, written_forms

__all__ = ["Company", "LiveTenant", "Request", "whole_company", "written_forms"]
