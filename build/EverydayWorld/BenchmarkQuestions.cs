using System.Globalization;

namespace EverydayWorld;

/// <summary>The eight commonsense benchmarks whose forms the questions can take.</summary>
public enum BenchmarkForm
{
    /// <summary>true or false.</summary>
    BoolQ,

    /// <summary>Two solutions.</summary>
    Piqa,

    /// <summary>Three answers about people.</summary>
    SocialIQa,

    /// <summary>Four endings of a sentence.</summary>
    HellaSwag,

    /// <summary>Two things for the blank of a sentence.</summary>
    WinoGrande,

    /// <summary>Four values of a relation.</summary>
    ArcEasy,

    /// <summary>Four values of a relation, asked for in a longer way.</summary>
    ArcChallenge,

    /// <summary>Four values that complete a statement.</summary>
    OpenBookQa,
}

/// <summary>A row in the wording of LLM-Adapters' commonsense files.</summary>
public sealed record BenchmarkRow(string Instruction, string Input, string Output, string Answer);

/// <summary>Questions about the world in the forms of the eight commonsense benchmarks.</summary>
public sealed class BenchmarkQuestions
{
    private const int MaximumRepeats = 2000;
    private static readonly (string Name, string Pronoun)[] People = [("Anna", "she"), ("Ben", "he"), ("Clara", "she"), ("David", "he")];
    private readonly IReadOnlyList<Thing> _things;

    /// <summary>Questions about the things of one part of the world.</summary>
    public BenchmarkQuestions(World world, Part part)
    {
        ArgumentNullException.ThrowIfNull(world);
        _things = world.ThingsOf(part);
    }

    /// <summary>Rows of one form: different questions, right answers in equal numbers at every place, drawn by seed.</summary>
    public IReadOnlyList<BenchmarkRow> Rows(BenchmarkForm form, int count, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var dice = new Dice(seed * 31L + (int)form);
        var places = form switch { BenchmarkForm.BoolQ or BenchmarkForm.Piqa or BenchmarkForm.WinoGrande => 2, BenchmarkForm.SocialIQa => 3, _ => 4 };
        var rows = new List<BenchmarkRow>(count);
        var asked = new HashSet<string>();
        var repeats = 0;
        while (rows.Count < count)
        {
            if (repeats > MaximumRepeats)
                throw new ArgumentException($"The world has no {count} different {form} questions about this part: ask for fewer.", nameof(count));
            var row = Ask(form, dice, rows.Count % places);
            var isNew = asked.Add(row.Instruction);
            repeats = isNew ? 0 : repeats + 1;
            if (isNew)
                rows.Add(row);
        }

        return dice.Shuffle(rows);
    }

    private BenchmarkRow Ask(BenchmarkForm form, Dice dice, int place)
    {
        var thing = dice.Pick(_things);
        var (person, pronoun) = dice.Pick(People);
        switch (form)
        {
            case BenchmarkForm.BoolQ:
                var relation = dice.Pick(Relation.All);
                var value = place == 0 ? thing[relation] : OtherValues(thing, relation, dice)[0];
                return Row(
                    $"Please answer the following question with true or false, question: {Say(relation.YesNo, thing.Name, value)}\n\nAnswer format: true/false",
                    place == 0 ? "true" : "false");
            case BenchmarkForm.Piqa:
                (relation, var goal, var wording) = dice.Pick(Solutions);
                return Choose($"Please choose the correct solution to the question: {Say(goal, thing.Name)}", "Solution", "\n\n", "\n\n", place,
                    ValueOptions(thing, relation, wording, 2, dice));
            case BenchmarkForm.SocialIQa:
                (relation, var situation, wording) = dice.Pick(Situations);
                return Choose($"Please choose the correct answer to the question: {Say(situation, thing.Name, person)}", "Answer", " ", "\n\n", place,
                    ValueOptions(thing, relation, wording, 3, dice));
            case BenchmarkForm.HellaSwag:
                (relation, var beginning, wording) = dice.Pick(Beginnings);
                return Choose($"Please choose the correct ending to complete the given sentence: {Say(beginning, thing.Name, person, pronoun)}", "Ending", " ",
                    "\n\n", place, ValueOptions(thing, relation, wording, 4, dice));
            case BenchmarkForm.WinoGrande:
                relation = dice.Pick(Relation.All);
                return Choose(
                    $"Please choose the correct answer to fill in the blank to complete the given sentence: {Say(relation.Blank, "", thing[relation], person)}",
                    "Option", " ", " ", place, ThingOptions(thing, relation, 2, dice));
            case BenchmarkForm.ArcEasy:
                relation = dice.Pick(Relation.All);
                return Choose($"Please choose the correct answer to the question: {Say(relation.Question, thing.Name)}", "Answer", " ", "\n\n", place,
                    ValueOptions(thing, relation, "{0}", 4, dice));
            case BenchmarkForm.ArcChallenge:
                relation = dice.Pick(Relation.All);
                return Choose($"Please choose the correct answer to the question: {person} looks at the {thing.Name}. {Say(relation.Question, thing.Name)}",
                    "Answer", " ", "\n\n", place, ValueOptions(thing, relation, "{0}", 4, dice));
            case BenchmarkForm.OpenBookQa:
                relation = dice.Pick(Relation.All);
                return Choose($"Please choose the correct answer to the question: {Say(relation.Opening, thing.Name)}", "Answer", " ", "\n\n", place,
                    ValueOptions(thing, relation, "{0}", 4, dice));
            default:
                throw new ArgumentOutOfRangeException(nameof(form));
        }
    }

    private static readonly (Relation, string Goal, string Wording)[] Solutions =
    [
        (Relation.Place, "How do I find the {0}?", "look in the {0}"),
        (Relation.Owner, "How do I borrow the {0}?", "ask the {0}"),
        (Relation.Material, "How do I repair the {0}?", "use some {0}"),
    ];

    private static readonly (Relation, string Situation, string Wording)[] Situations =
    [
        (Relation.Purpose, "{1} takes the {0}. What will {1} do next?", "some {0}"),
        (Relation.Owner, "{1} has found the {0}. Who will be happy?", "the {0}"),
    ];

    private static readonly (Relation, string Beginning, string Wording)[] Beginnings =
    [
        (Relation.Place, "Searching: {1} needs the {0}. {2}", "goes to the {0}."),
        (Relation.Purpose, "Working: {1} picks up the {0}. {2}", "starts {0}."),
    ];

    private static string[] OtherValues(Thing thing, Relation relation, Dice dice) => dice.Shuffle(relation.Values.Where(value => value != thing[relation]));

    // The right option first.
    private static string[] ValueOptions(Thing thing, Relation relation, string wording, int count, Dice dice) =>
        [.. OtherValues(thing, relation, dice).Take(count - 1).Prepend(thing[relation]).Select(value => Say(wording, value))];

    private string[] ThingOptions(Thing thing, Relation relation, int count, Dice dice) =>
        [.. dice.Shuffle(_things.Where(other => other[relation] != thing[relation])).Take(count - 1).Prepend(thing).Select(one => one.Name)];

    private static BenchmarkRow Choose(string question, string word, string between, string beforeFormat, int place, string[] rightFirst)
    {
        var options = rightFirst[1..].ToList();
        options.Insert(place, rightFirst[0]);
        var listed = string.Join(between, options.Select((option, i) => $"{word}{i + 1}: {option}"));
        var answers = options.Select((_, i) => $"{word.ToLowerInvariant()}{i + 1}").ToArray();
        return Row($"{question}\n\n{listed}{beforeFormat}Answer format: {string.Join('/', answers)}", answers[place]);
    }

    private static BenchmarkRow Row(string instruction, string answer) => new(instruction, "", $"the correct answer is {answer}", answer);

    private static string Say(string wording, params object[] words) => string.Format(CultureInfo.InvariantCulture, wording, words);
}
