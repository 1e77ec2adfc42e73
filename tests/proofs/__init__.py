"""What takes long to prove, on real sockets, processes and disks: small by default, in full with CI_LONG."""
