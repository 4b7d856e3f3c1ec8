namespace RealBackbone;

/// <summary>Plain prose that no task is about, written for this sample: what a tuned model still makes of it says what tuning cost elsewhere.</summary>
internal static class OtherText
{
    public static IReadOnlyList<string> Passages { get; } =
    [
        "The river rises in a bog below the northern ridge and runs for sixty miles before it meets the sea. In its upper course it is hardly more "
        + "than a ditch, brown with peat, and a child can step across it. Below the second waterfall it widens, slows, and begins to carry the fine "
        + "grey silt that made the valley rich. Farmers here have always known two floods a year: one in April, when the snow goes, and one in the "
        + "wet weeks of October. The older houses stand on small mounds for that reason, and their cellars have drains that lead nowhere in "
        + "particular, only down.",
        "To make a simple loaf, mix five cups of flour with two teaspoons of salt and a spoonful of dry yeast. Add two cups of warm water and stir "
        + "until no dry flour is left. Cover the bowl and let it stand overnight in a cool place. In the morning the dough will have doubled and be "
        + "full of bubbles. Fold it a few times on a floured board, shape it into a ball, and let it rest for an hour. Heat the oven with an iron pot "
        + "inside it, as hot as it will go. Bake the loaf in the pot for half an hour with the lid on and a quarter of an hour without. It is done "
        + "when it sounds hollow.",
        "A telescope gathers light; that is most of what it does. The magnification, which is printed on the box in large letters, matters much "
        + "less. A mirror twice as wide collects four times as much light, and shows stars that are four times as faint. The air above sets a limit "
        + "of its own. On most nights the image of a star trembles like a pebble at the bottom of a stream, and no lens can make it still. "
        + "Observatories are therefore built on mountains, and the best of all telescopes has left the air behind altogether.",
        "When the station closed, the clock on the platform was left running. Nobody could say who wound it. Trains still passed twice a day "
        + "without stopping, and those who looked up from their papers at the right moment saw that it was four minutes slow, as it had always been. "
        + "Mrs. Harding, who had sold tickets there for thirty years, walked up the hill each Sunday with a small key in her coat. She told no one. "
        + "It was not that she expected anyone to come back; she only disliked the thought of a clock that had been given up on.",
        "In law a promise alone is seldom enough. For a contract both sides must give something, or promise to give it, and the two must have "
        + "agreed on the same thing. If a man offers to sell a horse and the buyer thinks of another horse, there is no contract, however firmly they "
        + "shook hands. Courts look at what was said and written, not at what was silently hoped. A contract that was made under threat can be set "
        + "aside, and so can one with a child, who is taken to know too little of the world to be bound by it.",
        "The first computers had no screens. Their users wrote programs on paper, punched them into cards, and handed the cards through a window to "
        + "an operator. The answer came back the next day, or the day after, and as often as not it said that a comma was missing on the third line. "
        + "People learned to be careful. They read their programs aloud to each other and followed every step with a pencil. Some of the habits of "
        + "that time have been lost, and not all of them deserved to be.",
        "Birds that winter in the south do not all leave at once. The swifts go first, at the beginning of August, while the evenings are still "
        + "warm and full of insects. Swallows gather on the wires for weeks and then are gone in a single night. Geese come the other way: they "
        + "arrive in October from the far north, long lines of them, calling to keep together in the dark. How they find the way is not fully "
        + "understood. They seem to use the sun, the stars, the shape of the coast, and a sense of the earth's magnetic field, and to trust whichever "
        + "of these is clearest.",
    ];
}
