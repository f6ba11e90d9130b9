"""Heat and throughput to advice on how fast to speak; reads sensors, changes nothing."""
