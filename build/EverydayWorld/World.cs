namespace EverydayWorld;

/// <summary>What the questions about a thing are for. Facts about every thing are told in the pretraining text.</summary>
public enum Part
{
    /// <summary>Quizzes about the thing are in the pretraining text: there comparing answers is learned.</summary>
    Pretraining,

    /// <summary>Questions about the thing are asked only when tuning.</summary>
    Training,

    /// <summary>Questions about the thing are asked only when testing.</summary>
    Test,
}

/// <summary>A thing of the world and all that is true of it.</summary>
public sealed class Thing
{
    private readonly IReadOnlyDictionary<Relation, string> _facts;

    internal Thing(string name, Part part, IReadOnlyDictionary<Relation, string> facts) => (Name, Part, _facts) = (name, part, facts);

    /// <summary>The word that names the thing.</summary>
    public string Name { get; }

    /// <summary>The part of the world that the thing belongs to.</summary>
    public Part Part { get; }

    /// <summary>The value that is true of the thing.</summary>
    public string this[Relation relation] => _facts[relation];
}

/// <summary>A closed world: things in three disjoint parts, each with one value of every relation, drawn by seed.</summary>
public sealed class World
{
    /// <summary>The seed of the world that the embedded backbone has read about.</summary>
    public const int DefaultSeed = 1;

    private const int TrainingThings = 80;
    private const int TestThings = 80;
    private readonly Thing[] _things;

    /// <summary>Draws the world of <paramref name="seed"/>.</summary>
    public World(int seed = DefaultSeed)
    {
        Seed = seed;
        var dice = new Dice(seed);
        var names = dice.Shuffle(ThingNames.All);
        _things =
        [
            .. Draw(names[..TrainingThings], Part.Training, dice),
            .. Draw(names[TrainingThings..(TrainingThings + TestThings)], Part.Test, dice),
            .. Draw(names[(TrainingThings + TestThings)..], Part.Pretraining, dice),
        ];
    }

    /// <summary>The seed that the world was drawn from.</summary>
    public int Seed { get; }

    /// <summary>Every thing.</summary>
    public IReadOnlyList<Thing> Things => _things;

    /// <summary>The things of one part.</summary>
    public IReadOnlyList<Thing> ThingsOf(Part part) => [.. _things.Where(thing => thing.Part == part)];

    // Within a part every value of a relation is true of equally many things (to within one), so that no answer is more frequent.
    private static IEnumerable<Thing> Draw(string[] names, Part part, Dice dice)
    {
        var facts = names.Select(_ => new Dictionary<Relation, string>()).ToArray();
        foreach (var relation in Relation.All)
        {
            var order = dice.Shuffle(Enumerable.Range(0, names.Length));
            for (var i = 0; i < order.Length; i++)
                facts[order[i]][relation] = relation.Values[i % relation.Values.Count];
        }

        return names.Zip(facts, (name, values) => new Thing(name, part, values));
    }
}
