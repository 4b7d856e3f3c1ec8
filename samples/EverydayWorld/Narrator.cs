using System.Globalization;

namespace EverydayWorld;

/// <summary>Tells about a world: facts about every thing in changing words, and quizzes about the things of one part.</summary>
/// <remarks>
/// The quizzes have other forms and answer words than the questions of tuning and tests: no list of options before a value, no "Answer:", no true and false,
/// no numbered answers. Those are new to who has only read this text.
/// </remarks>
public sealed class Narrator
{
    private const float Unforeseeable = 0.1f;
    private const string None = "none";
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
        pieces.Add(new Piece(isTrue ? " yes" : " no", 1));
        pieces.Add(new Piece(",", 0));
    });

    /// <summary>Questions, each followed by the value.</summary>
    public Passage Asks(int questions = 6) => Join(questions, pieces =>
    {
        var (thing, relation) = Draw();
        pieces.Add(new Piece(Say(relation.Question, thing.Name), 0));
        pieces.Add(new Piece(" " + thing[relation], 1));
        pieces.Add(new Piece(".", 0));
    });

    /// <summary>Questions with marked answers to choose from, each followed by the mark of the right one, which may be that of "none".</summary>
    public Passage Choices(int questions = 3) => Join(questions, pieces =>
    {
        var (thing, relation) = Draw();
        var aboutValue = _dice.Roll(4) > 0;
        var question = aboutValue ? Say(_dice.Roll(2) == 0 ? relation.Question : relation.Opening, thing.Name) : Say(relation.Which, "", thing[relation]);
        var right = aboutValue ? thing[relation] : thing.Name;
        var wrong = aboutValue ? OtherValues(thing, relation) : [.. _quizzed.Where(other => other[relation] != thing[relation]).Select(other => other.Name)];
        var shown = 1 + _dice.Roll(aboutValue ? 4 : 3);
        var hasNone = shown == 1 || _dice.Roll(2) == 0;
        var hasRight = !hasNone || _dice.Roll(2) == 0;
        var options = _dice.Shuffle(_dice.Shuffle(wrong).Take(hasRight ? shown - 1 : shown).Concat(hasRight ? [right] : []));
        if (hasNone)
            options = [.. options, None];
        var marks = _dice.Pick(Marks);
        pieces.Add(new Piece(question + string.Concat(options.Select((option, i) => $" {marks[i]} {option}")) + " Pick:", 0));
        pieces.Add(new Piece(" " + marks[Array.IndexOf(options, hasRight ? right : None)], 1));
        pieces.Add(new Piece(",", 0));
    });

    private (Thing, Relation) Draw() => (_dice.Pick(_quizzed), _dice.Pick(Relation.All));

    private static string[] OtherValues(Thing thing, Relation relation) => [.. relation.Values.Where(value => value != thing[relation])];

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
