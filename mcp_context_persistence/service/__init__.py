"""What every door of the resident service needs: settings, keys, clients, and the lease."""
