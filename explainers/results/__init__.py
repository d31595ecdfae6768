"""Results as data: explanations, faithfulness, attacks and their parts."""
