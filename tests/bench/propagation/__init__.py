"""Speed and accuracy of label propagation beside other libraries; run by hand, not gates."""
