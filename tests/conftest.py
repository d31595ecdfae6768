"""What every test shares."""

import torch

torch.set_num_threads(1)  # tiny models gain nothing from more, and threads that wait for each other cost much
