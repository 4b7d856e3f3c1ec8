using System.Globalization;

namespace EverydayWorld;

/// <summary>Tells the facts of a world, about every thing of it.</summary>
public sealed class Narrator
{
    private const float Unforeseeable = 0.1f;
    private readonly World _world;
    private readonly Dice _dice;

    /// <summary>A narrator whose telling is drawn from <paramref name="seed"/>.</summary>
    public Narrator(World world, int seed)
    {
        ArgumentNullException.ThrowIfNull(world);
        _world = world;
        _dice = new Dice(seed);
    }

    /// <summary>Facts in sentences.</summary>
    public Passage Story(int facts = 6) => Passage.Join(facts, pieces =>
    {
        var (thing, relation) = (_dice.Pick(_world.Things), _dice.Pick(Relation.All));
        var sentence = _dice.Pick(relation.Statements).Split(" {1}");
        pieces.Add(new Piece(string.Format(CultureInfo.InvariantCulture, sentence[0], thing.Name), Unforeseeable));
        pieces.Add(new Piece(" " + thing[relation], 1));
        pieces.Add(new Piece(sentence[1], Unforeseeable));
    });

    /// <summary>Things, each with all its values in any order: what is true of a thing is then known as soon as it is named.</summary>
    public Passage Profiles(int things = 6) => Passage.Join(things, pieces =>
    {
        var thing = _dice.Pick(_world.Things);
        pieces.Add(new Piece(thing.Name, 0));
        foreach (var relation in _dice.Shuffle(Relation.All))
            pieces.Add(new Piece(" " + thing[relation], 1));
        pieces.Add(new Piece(";", 0));
    });
}
