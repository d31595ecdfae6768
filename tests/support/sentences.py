"""Sentences of our own, for tests to read and to train tiny tokenizers on."""

SENTENCES = (
    "I love you, I like you",
    "A wonderful cast and a clever story, though the middle is far too slowly told.",
    "The soup was cold, the waiter was rude, and the bill was a joke.",
    "Not bad at all: I expected to be bored, and I laughed the whole way home.",
    "Nobody in this room can say why the machine decided as it did.",
    "Great, another two hours of my life that I will never get back.",
    "The lake was quiet in the morning and the birds had the sky to themselves.",
    "My grandmother's bread is better than anything this bakery ever sold.",
    "He promised a miracle and delivered a spreadsheet.",
    "Two stars: one for the music, one for the exit.",
    "It rained, we got lost, and it was still the best day of the year.",
    "The plot has holes that a bus could drive through.",
    "She paints light as if she had invented it.",
    "An honest, funny and surprisingly tender little film.",
    "The update broke everything that worked and fixed nothing that did not.",
    "I would not watch it again, but I am glad that I did once.",
    "Warm, crisp, perfectly salted: these are the fries that I will dream of.",
    "The second half forgets what the first half promised.",
    "Clean rooms, kind people, and a view over the harbour.",
    "What a waste of a good idea and a great actor.",
)

# Texts that break tools which cut at the wrong place or trust what they are given.
HOSTILE = {
    "emoji": "I love 👨‍👩‍👧‍👦 families and 🏴󠁧󠁢󠁷󠁬󠁳󠁿 flags 👍🏽!",
    "arabic": "هذا الفيلم رائع جداً ولن أنساه أبداً",
    "mixed directions": "The word شكرا means thanks, and תודה does too.",
    "chinese": "这部电影非常精彩，我很喜欢。",
    "combining": "Cafe\u0301 nai\u0308ve क्षत्रिय ทำไม",
    "tabs and lines": "one\ttwo\n\nthree   four ",
    "image": "good <img src=x onerror=alert(1)> film",
    "style": "good </span><style>body{display:none}</style> film",
    "markdown": "a *very* $good$ :red[film] `code` [link](http://example.org) ![x](y)",
    "controls": "left \u202eright-to-left override\u202c and zero\u200bwidth",
    "special tokens": "[CLS] [SEP] <s> </s> <pad> [MASK] [PAD] good",
    "quotes": "\"double\" 'single' &amp; &lt; \\ back",
}
