"""Everything at once on one machine: servers, simulators, services, staff, and the checker of the result."""
