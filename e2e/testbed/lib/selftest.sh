selftest() { die "not yet"; }
