namespace EverydayWorld;

/// <summary>Something that can be asked about a thing, with its closed set of values and the wordings that speak of it.</summary>
/// <remarks>In the wordings {0} stands for the thing and {1} for the value.</remarks>
public sealed class Relation
{
    /// <summary>What a thing is made of.</summary>
    public static readonly Relation Material = new("material")
    {
        Values = ["wood", "metal", "glass", "cloth", "clay"],
        Statements = ["The {0} is made of {1}.", "The {0} was made from {1}.", "To make the {0} you need {1}."],
        Question = "What is the {0} made of?",
        YesNo = "is the {0} made of {1}?",
        Which = "Which thing is made of {1}?",
        Opening = "The {0} is made of",
        Blank = "{2} wants something made of {1} and takes the _.",
    };

    /// <summary>Where a thing is kept.</summary>
    public static readonly Relation Place = new("place")
    {
        Values = ["kitchen", "garage", "garden", "bedroom", "office"],
        Statements = ["The {0} is kept in the {1}.", "You find the {0} in the {1}.", "The place of the {0} is the {1}."],
        Question = "Where is the {0} kept?",
        YesNo = "is the {0} kept in the {1}?",
        Which = "Which thing is kept in the {1}?",
        Opening = "The {0} is kept in the",
        Blank = "{2} goes to the {1} and comes back with the _.",
    };

    /// <summary>What a thing is used for.</summary>
    public static readonly Relation Purpose = new("purpose")
    {
        Values = ["cooking", "cleaning", "playing", "writing", "building"],
        Statements = ["The {0} is used for {1}.", "People use the {0} for {1}.", "The {0} is good for {1}."],
        Question = "What is the {0} used for?",
        YesNo = "is the {0} used for {1}?",
        Which = "Which thing is used for {1}?",
        Opening = "The {0} is used for",
        Blank = "{2} is busy {1} and uses the _.",
    };

    /// <summary>Whom a thing belongs to.</summary>
    public static readonly Relation Owner = new("owner")
    {
        Values = ["cook", "farmer", "teacher", "doctor", "painter"],
        Statements = ["The {0} belongs to the {1}.", "The {0} is owned by the {1}.", "The owner of the {0} is the {1}."],
        Question = "Who owns the {0}?",
        YesNo = "is the {0} owned by the {1}?",
        Which = "Which thing belongs to the {1}?",
        Opening = "The {0} belongs to the",
        Blank = "{2} asks the {1} for the _.",
    };

    private Relation(string name) => Name = name;

    /// <summary>Every relation.</summary>
    public static IReadOnlyList<Relation> All { get; } = [Material, Place, Purpose, Owner];

    /// <summary>What the relation is called.</summary>
    public string Name { get; }

    /// <summary>The closed set of its values.</summary>
    public required IReadOnlyList<string> Values { get; init; }

    /// <summary>Sentences that tell a fact.</summary>
    public required IReadOnlyList<string> Statements { get; init; }

    /// <summary>The direct question.</summary>
    public required string Question { get; init; }

    /// <summary>A question for yes or no.</summary>
    public required string YesNo { get; init; }

    /// <summary>A question for the thing of a value.</summary>
    public required string Which { get; init; }

    /// <summary>A sentence that only lacks the value.</summary>
    public required string Opening { get; init; }

    /// <summary>A sentence about a value whose thing is left out; {2} stands for a person.</summary>
    public required string Blank { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
