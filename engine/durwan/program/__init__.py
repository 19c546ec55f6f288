"""The checked program: its nodes, its operators, and the reference evaluator that says what they mean."""
