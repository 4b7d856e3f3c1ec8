using System.Globalization;

namespace EverydayWorld;

/// <summary>Asks about the things of one part of a world, and answers.</summary>
/// <remarks>
/// The quizzes have other frames and answer words than the questions of tuning and tests: no list of labels before a value, no "Answer:", no true and
/// false, no answer1. Those are new to who has only read this text. What they share is what has to be done: to compare what is known with what is listed.
/// Most quizzes ask short questions in great number, for a comparison is learned from many answers and not from long texts, and in steps: look up a word
/// that was just listed; look up what is known of a thing; judge a value; pick the value that was judged right, where some of the judgements are written
/// down and some are not.
/// </remarks>
public sealed class Quizmaster
{
    private const float Hint = 0.5f;
    private static readonly string[][] Marks = [["A", "B", "C", "D", "E"], ["1", "2", "3", "4", "5"]];
    private static readonly string[] MarkWords = ["", "", "Number", "Line", "Item", "Choice", "Row", "Way", "Guess", "Idea"];
    private static readonly string[] AfterMark = ["", ":", ")", "."];
    private static readonly string[] OptionWordings =
        ["{0}", "{0}", "the {0}", "some {0}", "it is {0}.", "take the {0}", "has to do with {0}.", "then comes the {0}"];
    private static readonly string[] Fillers =
        """
        please read this and then say which one fits best here comes a new task for you think about it well what follows must be done
        somebody wants to know something short text below above line now it that are with has been given next reply soon friend said
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    private static readonly string[] Breaks = ["\n", "\n\n", ".", ":", ",", "\n\n###"];
    private readonly IReadOnlyList<Thing> _things;
    private readonly Dice _dice;

    /// <summary>Quizzes about one part of a world, drawn by seed.</summary>
    public Quizmaster(World world, Part part, int seed)
    {
        ArgumentNullException.ThrowIfNull(world);
        _things = world.ThingsOf(part);
        _dice = new Dice(seed);
    }

    /// <summary>Every word of the quizzes that is none of the world's.</summary>
    public static IEnumerable<string> Words =>
    [
        .. Fillers.Select(word => " " + word),
        .. Breaks,
        .. Marks.SelectMany(marks => marks).Select(mark => " " + mark),
        .. MarkWords.SelectMany(word => new[] { $" {word}1", $" {word.ToLowerInvariant()}1" }),
        .. AfterMark,
        .. OptionWordings,
        " yes no, Pick: thing; ?",
    ];

    /// <summary>Things, each with values that are true of it or not.</summary>
    public Passage Verdicts(int things = 3, int values = 4) => Passage.Join(things, pieces =>
    {
        var thing = _dice.Pick(_things);
        pieces.Add(new Piece(thing.Name + ":", 0));
        for (var i = 0; i < values; i++)
        {
            var (value, isTrue) = Claim(thing, _dice.Pick(Relation.All));
            pieces.Add(new Piece(" " + value, 0));
            pieces.Add(Verdict(isTrue));
            pieces.Add(new Piece(i == values - 1 ? ";" : ",", 0));
        }
    });

    /// <summary>Statements and questions, each followed by whether it is true.</summary>
    public Passage Checks(int statements = 5) => Passage.Join(statements, pieces =>
    {
        Check(pieces, "", _dice.Roll(2) == 0 ? "" : Filler(6));
        pieces.Add(new Piece(",", 0));
    });

    /// <summary>Questions, each followed by the value.</summary>
    public Passage Asks(int questions = 6) => Passage.Join(questions, pieces =>
    {
        var (thing, relation) = Draw();
        pieces.Add(new Piece(Say(relation.Question, thing.Name), 0));
        pieces.Add(new Piece(" " + thing[relation], 1));
        pieces.Add(new Piece(".", 0));
    });

    /// <summary>Marked values, then things and values in turn, each followed by the mark that belongs to it.</summary>
    /// <param name="isPlain">Marks stand alone and come at once; else words, and other words in between, may come before them.</param>
    /// <param name="areCopies">Only what is listed is looked up, so that nothing need be known.</param>
    /// <param name="queries">How many are looked up.</param>
    public Passage ValueLookups(bool isPlain, bool areCopies = false, int queries = 10)
    {
        var relations = _dice.Shuffle(Relation.All)[..(1 + _dice.Roll(2))];
        var values = _dice.Shuffle(relations.SelectMany(relation => relation.Values))[..(2 + _dice.Roll(4))];
        var queriable = _things.Where(thing => relations.Count(relation => values.Contains(thing[relation])) == 1).ToList();
        return Lookups(values, isPlain, queries, () =>
        {
            if (areCopies || _dice.Roll(4) == 0)
                return Same(values);
            var thing = _dice.Pick(queriable);
            return (thing.Name, Array.FindIndex(values, value => relations.Any(relation => thing[relation] == value)));
        });
    }

    /// <summary>Marked things, then values and things in turn, each followed by the mark that belongs to it.</summary>
    /// <inheritdoc cref="ValueLookups"/>
    public Passage ThingLookups(bool isPlain, bool areCopies = false, int queries = 8)
    {
        var things = _dice.Shuffle(_things)[..(2 + _dice.Roll(3))];
        var queriable = Relation.All.SelectMany(relation =>
            things.CountBy(thing => thing[relation]).Where(count => count.Value == 1).Select(count => (relation, value: count.Key))).ToList();
        return Lookups([.. things.Select(thing => thing.Name)], isPlain, queries, () =>
        {
            if (areCopies || queriable.Count == 0 || _dice.Roll(4) == 0)
                return Same([.. things.Select(thing => thing.Name)]);
            var (relation, value) = _dice.Pick(queriable);
            return (value, Array.FindIndex(things, thing => thing[relation] == value));
        });
    }

    /// <summary>A thing and marked values, or a value and marked things, each time followed by the mark of what belongs together.</summary>
    public Passage Picks(int picks = 7) => Passage.Join(picks, pieces =>
    {
        var (thing, relation) = Draw();
        var aboutValue = _dice.Roll(2) == 0;
        var (query, right) = aboutValue ? (thing.Name, thing[relation]) : (thing[relation], thing.Name);
        var options = Options(thing, relation, aboutValue);
        var marks = _dice.Pick(Marks);
        var mark = marks[Array.IndexOf(options, right)];
        pieces.Add(new Piece(query, 0));
        for (var i = 0; i < options.Length; i++)
        {
            pieces.Add(new Piece($" {marks[i]} {options[i]}", 0));
            if (_dice.Roll(2) == 0)
                pieces.Add(Verdict(options[i] == right, Hint));
        }

        pieces.Add(new Piece(":", 0));
        pieces.Add(new Piece(char.IsDigit(mark[0]) ? mark : " " + mark, 1));
        pieces.Add(new Piece(",", 0));
    });

    /// <summary>Questions with marked answers to choose from, each followed by the mark of the right one.</summary>
    public Passage Choices(int questions = 3) => Passage.Join(questions, pieces => Choice(pieces, "", 3));

    /// <summary>The same, one question amid many other words.</summary>
    public Passage FramedChoice() => Passage.Join(1, pieces => Choice(pieces, Filler(30) + " ", 18));

    /// <summary>A statement or question amid many other words, followed by whether it is true.</summary>
    public Passage FramedCheck() => Passage.Join(1, pieces => Check(pieces, Filler(30) + " ", Filler(18)));

    private void Check(List<Piece> pieces, string before, string after)
    {
        var (thing, relation) = Draw();
        var (value, isTrue) = Claim(thing, relation);
        var parts = Statement(relation).Split("{1}");
        pieces.Add(new Piece(before + Say(parts[0], thing.Name) + value, 0));
        if (_dice.Roll(3) == 0)
            pieces.Add(Verdict(isTrue, Hint));
        pieces.Add(new Piece(parts[1] + after, 0));
        pieces.Add(Verdict(isTrue));
    }

    private void Choice(List<Piece> pieces, string before, int fillerWords)
    {
        var (thing, relation) = Draw();
        var aboutValue = _dice.Roll(4) > 0;
        var question = aboutValue ? Say(_dice.Roll(2) == 0 ? relation.Question : relation.Opening, thing.Name)
            : Say(_dice.Roll(2) == 0 ? relation.Which : Statement(relation), "thing", thing[relation]);
        var right = aboutValue ? thing[relation] : thing.Name;
        var options = Options(thing, relation, aboutValue);
        var (marks, word, after) = Style();
        var wording = aboutValue ? _dice.Pick(OptionWordings) : "{0}";
        pieces.Add(new Piece(before + question + Filler(fillerWords / 3), 0));
        for (var i = 0; i < options.Length; i++)
        {
            pieces.Add(new Piece($" {word}{marks[i]}{after} {Say(wording, options[i])}", 0));
            if (_dice.Roll(4) == 0)
                pieces.Add(Verdict(options[i] == right, Hint));
        }

        pieces.Add(new Piece(Filler(fillerWords) + (word.Length > 0 ? " " + word.ToLowerInvariant() : _dice.Roll(2) == 0 ? " Pick:" : ""), 0));
        AddMark(pieces, word, marks[Array.IndexOf(options, right)]);
    }

    // The right value or thing among others, in any order.
    private string[] Options(Thing thing, Relation relation, bool areValues)
    {
        var wrong = areValues ? _dice.Shuffle(relation.Values.Where(value => value != thing[relation])).Take(1 + _dice.Roll(4))
            : _dice.Shuffle(_things.Where(other => other[relation] != thing[relation]).Select(other => other.Name)).Take(1 + _dice.Roll(2));
        return _dice.Shuffle(wrong.Append(areValues ? thing[relation] : thing.Name));
    }

    private Passage Lookups(string[] options, bool isPlain, int queries, Func<(string Query, int Option)> ask)
    {
        var (set, word, after) = isPlain ? (_dice.Pick(Marks), "", "") : Style();
        var marks = _dice.Shuffle(set);
        var pieces = new List<Piece> { new(string.Concat(options.Select((option, i) => $" {word}{marks[i]}{after} {option}")) + ";", 0) };
        for (var i = 0; i < queries; i++)
        {
            var (query, option) = ask();
            pieces.Add(new Piece($" {query}{(isPlain || _dice.Roll(2) == 0 ? "" : Filler(5))}{(word.Length > 0 ? " " + word.ToLowerInvariant() : "")}", 0));
            if (isPlain)
                pieces.AddRange([new Piece(char.IsDigit(marks[option][0]) ? marks[option] : " " + marks[option], 1), new Piece(",", 0)]);
            else
                AddMark(pieces, word, marks[option]);
        }

        return new Passage(pieces);
    }

    // A letter comes as a word of its own, a number right after its word or after a space.
    private static void AddMark(List<Piece> pieces, string word, string mark)
    {
        if (word.Length == 0)
        {
            if (char.IsDigit(mark[0]))
                pieces.Add(new Piece(" ", 0));
            else
                mark = " " + mark;
        }

        pieces.Add(new Piece(mark, 1));
        pieces.Add(new Piece(",", 0));
    }

    // Words before a mark only stand before numbers: "Line2".
    private (string[] Marks, string Word, string After) Style()
    {
        var marks = _dice.Roll(3) == 0 ? Marks[0] : Marks[1];
        return (marks, marks == Marks[0] ? "" : _dice.Pick(MarkWords), _dice.Pick(AfterMark));
    }

    private (string, int) Same(string[] options)
    {
        var i = _dice.Roll(options.Length);
        return (options[i], i);
    }

    private string Filler(int most) =>
        string.Concat(Enumerable.Range(0, _dice.Roll(most + 1)).Select(_ => (_dice.Roll(6) == 0 ? _dice.Pick(Breaks) : "") + " " + _dice.Pick(Fillers)));

    private static Piece Verdict(bool isTrue, float weight = 1) => new(isTrue ? " yes" : " no", weight);

    private string Statement(Relation relation) => _dice.Roll(2) == 0 ? relation.YesNo : _dice.Pick(relation.Statements).TrimEnd('.') + "?";

    private (string Value, bool IsTrue) Claim(Thing thing, Relation relation)
    {
        var isTrue = _dice.Roll(2) == 0;
        return (isTrue ? thing[relation] : _dice.Pick([.. relation.Values.Where(value => value != thing[relation])]), isTrue);
    }

    private (Thing, Relation) Draw() => (_dice.Pick(_things), _dice.Pick(Relation.All));

    private static string Say(string wording, string thing, string value = "") => string.Format(CultureInfo.InvariantCulture, wording, thing, value);
}
