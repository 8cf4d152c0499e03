"""What lies between the values that both passes have: equivalent rewritings where the ends agree, faults where not."""
