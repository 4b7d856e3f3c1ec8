using System.Globalization;

namespace EverydayWorld;

/// <summary>A piece of pretraining text: only <see cref="Told"/> is learned, given <see cref="Given"/>.</summary>
/// <param name="Given">What comes first and is not learned (a quiz question), or nothing.</param>
/// <param name="Told">What is learned.</param>
public sealed record Passage(string Given, string Told);

/// <summary>Tells about a world: facts about every thing in changing words, and quizzes about the things of <see cref="Part.Pretraining"/>.</summary>
/// <remarks>
/// The quizzes answer by yes or no or by a mark, in other wordings than tuning and tests use;
/// none is answered by the value itself, so that a direct question is new to who has only read this text.
/// </remarks>
public sealed class Narrator
{
    private const int SentencesPerStory = 6;
    private static readonly string[][] Marks = [["A", "B", "C", "D", "E"], ["1", "2", "3", "4", "5"]];
    private readonly IReadOnlyList<Thing> _things;
    private readonly IReadOnlyList<Thing> _quizzed;
    private readonly Dice _dice;

    /// <summary>A narrator of <paramref name="world"/> whose telling is drawn from <paramref name="seed"/>.</summary>
    public Narrator(World world, int seed)
    {
        ArgumentNullException.ThrowIfNull(world);
        _things = world.Things;
        _quizzed = world.ThingsOf(Part.Pretraining);
        _dice = new Dice(seed);
    }

    /// <summary>A few facts about things of the whole world.</summary>
    public Passage Story()
    {
        var sentences = Enumerable.Range(0, SentencesPerStory).Select(_ =>
        {
            var (thing, relation) = (_dice.Pick(_things), _dice.Pick(Relation.All));
            return Say(_dice.Pick(relation.Statements), thing.Name, thing[relation]);
        });
        return new Passage("", string.Join(' ', sentences));
    }

    /// <summary>A question about a thing whose questions belong to pretraining.</summary>
    public Passage Quiz() => _dice.Roll(3) switch
    {
        0 => YesOrNo(),
        1 => WhichValue(),
        _ => WhichThing(),
    };

    private Passage YesOrNo()
    {
        var (thing, relation) = (_dice.Pick(_quizzed), _dice.Pick(Relation.All));
        var right = _dice.Roll(2) == 0;
        var value = right ? thing[relation] : _dice.Pick([.. relation.Values.Where(other => other != thing[relation])]);
        return _dice.Roll(2) == 0
            ? new Passage("Yes or no: " + Say(relation.YesNo, thing.Name, value), right ? " yes" : " no")
            : new Passage("Check: " + Say(_dice.Pick(relation.Statements), thing.Name, value), right ? " yes" : " no");
    }

    private Passage WhichValue()
    {
        var (thing, relation) = (_dice.Pick(_quizzed), _dice.Pick(Relation.All));
        var count = 2 + _dice.Roll(relation.Values.Count - 1);
        var others = _dice.Shuffle(relation.Values.Where(other => other != thing[relation]));
        var question = _dice.Roll(2) == 0 ? Say(relation.Question, thing.Name, "") : Say(relation.Opening, thing.Name, "");
        return Choice(question, thing[relation], others[..(count - 1)]);
    }

    private Passage WhichThing()
    {
        var (thing, relation) = (_dice.Pick(_quizzed), _dice.Pick(Relation.All));
        var count = 2 + _dice.Roll(3);
        var others = _dice.Shuffle(_quizzed.Where(other => other[relation] != thing[relation]).Select(other => other.Name));
        return Choice(Say(relation.Which, "", thing[relation]), thing.Name, others[..(count - 1)]);
    }

    private Passage Choice(string question, string right, string[] wrong)
    {
        var marks = _dice.Pick(Marks);
        var options = _dice.Shuffle([right, .. wrong]);
        var listed = options.Select((option, i) => $" {marks[i]} {option}");
        return new Passage($"{question}{string.Concat(listed)} Pick:", " " + marks[Array.IndexOf(options, right)]);
    }

    private static string Say(string wording, string thing, string value) => string.Format(CultureInfo.InvariantCulture, wording, thing, value);
}
