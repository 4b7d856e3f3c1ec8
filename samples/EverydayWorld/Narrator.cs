using System.Globalization;

namespace EverydayWorld;

/// <summary>Tells about a world: facts about every thing in changing words, and quizzes about the things of one part.</summary>
/// <remarks>
/// The quizzes are answered by yes or no or by a mark, in other wordings than tuning and tests use;
/// none is answered by the value itself, so that a direct question is new to who has only read this text.
/// </remarks>
public sealed class Narrator
{
    private const float Unforeseeable = 0.1f;
    private static readonly string[][] Marks = [["A", "B", "C", "D", "E"], ["1", "2", "3", "4", "5"]];
    private readonly IReadOnlyList<Thing> _things;
    private readonly IReadOnlyList<Thing> _quizzed;
    private readonly Dice _dice;

    /// <summary>A narrator whose telling is drawn from <paramref name="seed"/>.</summary>
    /// <param name="world">The world.</param>
    /// <param name="seed">What the telling is drawn from.</param>
    /// <param name="quizzed">The part of the world that quizzes ask about.</param>
    public Narrator(World world, int seed, Part quizzed = Part.Pretraining)
    {
        ArgumentNullException.ThrowIfNull(world);
        _things = world.Things;
        _quizzed = world.ThingsOf(quizzed);
        _dice = new Dice(seed);
    }

    /// <summary>Facts about things of the whole world.</summary>
    public Passage Story(int facts = 6) => Join(facts, pieces =>
    {
        var (thing, relation) = (_dice.Pick(_things), _dice.Pick(Relation.All));
        var sentence = _dice.Pick(relation.Statements).Split(" {1}");
        pieces.Add(new Piece(Say(sentence[0], thing.Name), Unforeseeable));
        pieces.Add(new Piece(" " + thing[relation], 1));
        pieces.Add(new Piece(sentence[1], Unforeseeable));
    });

    /// <summary>Statements, each followed by whether it is true.</summary>
    public Passage Checks(int statements = 6) => Join(statements, pieces =>
    {
        var (thing, relation) = Draw();
        var isTrue = _dice.Roll(2) == 0;
        var value = isTrue ? thing[relation] : _dice.Pick(OtherValues(thing, relation));
        var wording = _dice.Roll(2) == 0 ? relation.YesNo : _dice.Pick(relation.Statements).TrimEnd('.') + "?";
        pieces.Add(new Piece(Say(wording, thing.Name, value), 0));
        AddVerdict(pieces, isTrue);
    });

    /// <summary>Questions, each followed by possible answers with the verdict on every one.</summary>
    public Passage Lists(int questions = 3) => Join(questions, pieces =>
    {
        var (thing, relation) = Draw();
        if (_dice.Roll(2) == 0)
        {
            pieces.Add(new Piece(Say(AskForValue(relation), thing.Name), 0));
            foreach (var value in _dice.Shuffle(relation.Values))
            {
                pieces.Add(new Piece(" " + value, 0));
                AddVerdict(pieces, value == thing[relation]);
            }
        }
        else
        {
            pieces.Add(new Piece(Say(relation.Which, "", thing[relation]), 0));
            var fitting = _quizzed.Where(other => other[relation] == thing[relation]).ToArray();
            foreach (var other in Enumerable.Range(0, 4).Select(_ => _dice.Pick(_dice.Roll(5) < 2 ? fitting : _quizzed)))
            {
                pieces.Add(new Piece(" " + other.Name, 0));
                AddVerdict(pieces, other[relation] == thing[relation]);
            }
        }
    });

    /// <summary>Questions with marked answers to choose from, each followed by the mark of the right one.</summary>
    public Passage Choices(int questions = 3) => Join(questions, pieces =>
    {
        var (thing, relation) = Draw();
        var aboutValue = _dice.Roll(2) == 0;
        var question = aboutValue ? Say(AskForValue(relation), thing.Name) : Say(relation.Which, "", thing[relation]);
        var right = aboutValue ? thing[relation] : thing.Name;
        var wrong = aboutValue ? OtherValues(thing, relation) : [.. _quizzed.Where(other => other[relation] != thing[relation]).Select(other => other.Name)];
        var wrongCount = 1 + _dice.Roll(aboutValue ? relation.Values.Count - 1 : 3);
        var options = _dice.Shuffle(_dice.Shuffle(wrong).Take(wrongCount).Append(right));
        var marks = _dice.Pick(Marks);
        pieces.Add(new Piece(question + string.Concat(options.Select((option, i) => $" {marks[i]} {option}")) + " Pick:", 0));
        pieces.Add(new Piece(" " + marks[Array.IndexOf(options, right)], 1));
        pieces.Add(new Piece(",", 0));
    });

    private (Thing, Relation) Draw() => (_dice.Pick(_quizzed), _dice.Pick(Relation.All));

    private string AskForValue(Relation relation) => _dice.Roll(2) == 0 ? relation.Question : relation.Opening;

    private static string[] OtherValues(Thing thing, Relation relation) => [.. relation.Values.Where(value => value != thing[relation])];

    private static void AddVerdict(List<Piece> pieces, bool isTrue)
    {
        pieces.Add(new Piece(isTrue ? " yes" : " no", 1));
        pieces.Add(new Piece(",", 0));
    }

    private static Passage Join(int count, Action<List<Piece>> add)
    {
        var pieces = new List<Piece>();
        for (var i = 0; i < count; i++)
        {
            var first = pieces.Count;
            add(pieces);
            if (i > 0)
                pieces[first] = pieces[first] with { Text = " " + pieces[first].Text };
        }

        return new Passage(pieces);
    }

    private static string Say(string wording, string thing, string value = "") => string.Format(CultureInfo.InvariantCulture, wording, thing, value);
}
