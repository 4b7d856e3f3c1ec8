using EverydayWorld;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Pretraining;

/// <summary>What the embedded backbone is and how it is taught.</summary>
internal sealed record Recipe
{
    /// <summary>Seeds the initial weights and the text.</summary>
    public int Seed { get; init; } = 2;

    /// <summary>Optimizer steps.</summary>
    public int Steps => Stages.Sum(stage => stage.Steps);

    /// <summary>Steps over which the rate rises.</summary>
    public int WarmUpSteps { get; init; } = 30;

    /// <summary>The share of the steps over which the rate falls to zero.</summary>
    public double DecayShare { get; init; } = 0.3;

    /// <summary>The share of the steps, at the end, that see quantized weights.</summary>
    public double QuantizedShare { get; init; } = 0.2;

    public float WeightDecay { get; init; } = 0.05f;

    public float ClipNorm { get; init; } = 1;

    /// <summary>Merges of the tokenizer.</summary>
    public int Merges { get; init; } = 1600;

    public int Width { get; init; } = 128;

    /// <summary>
    /// What comes one after another. What is learned in a stage then stands low in the model, where the layers that the next stage puts on top can use it:
    /// a model that starts at its full depth recalls in its last layers, and what comes after has nothing to compare.
    /// </summary>
    public IReadOnlyList<Stage> Stages { get; init; } =
    [
        new("copies", Layers: 3, LearningRate: 1e-3f, Steps: 250),
        new("facts", Layers: 3, LearningRate: 1.5e-3f, Steps: 650),
        new("drills", Layers: 5, LearningRate: 1e-3f, Steps: 400),
        new("short quizzes", Layers: 7, LearningRate: 1e-3f, Steps: 300),
        new("long quizzes", Layers: 7, LearningRate: 1e-3f, Steps: 1600),
    ];

    public int MlpWidth { get; init; } = 256;

    public int Heads { get; init; } = 4;

    /// <summary>The model for a tokenizer; embedding rows are rounded up to a multiple of 64.</summary>
    public LlamaConfig Config(BackboneTokenizer tokenizer, int stage) => new()
    {
        HiddenSize = Width,
        IntermediateSize = MlpWidth,
        LayerCount = Stages[stage].Layers,
        QueryHeads = Heads,
        KeyValueHeads = Heads,
        HeadWidth = Width / Heads,
        VocabularySize = (tokenizer.VocabularySize + 63) / 64 * 64,
        MaxPositions = 512,
        TiedHead = true,
        BosTokenId = tokenizer.BeginOfSequence,
        EosTokenIds = [tokenizer.EndOfSequence],
    };

    /// <summary>The passages of a step, by kind.</summary>
    public IReadOnlyList<(string Kind, Passage[] Passages)> Passages(World world, int step, int stage)
    {
        var seed = unchecked(Seed * 1_000_003 + step);
        var narrator = new Narrator(world, seed);
        var quizmaster = new Quizmaster(world, Part.Pretraining, seed);
        return stage switch
        {
            0 => Copies(quizmaster, 24),
            1 => [.. Facts(narrator, 3), .. Copies(quizmaster, 6)],
            2 => [.. Facts(narrator, 1), .. Copies(quizmaster, 3), .. Drills(quizmaster, 1)],
            3 => [.. Facts(narrator, 1), .. Copies(quizmaster, 3), .. ShortQuizzes(quizmaster, 1)],
            _ => [.. Facts(narrator, 1), .. Copies(quizmaster, 3), .. ShortQuizzes(quizmaster, 1), .. LongQuizzes(quizmaster, 1)],
        };
    }

    /// <summary>Facts and quizzes about things that no quiz of the pretraining text asks about: whether what was learned carries over.</summary>
    public static IReadOnlyList<(string Kind, Passage[] Passages)> Probes(World world) =>
        [.. Facts(new Narrator(world, -1), 1), .. ShortQuizzes(new Quizmaster(world, Part.Training, -1), 1),
            .. LongQuizzes(new Quizmaster(world, Part.Training, -1), 4)];

    /// <summary>The learning rate of a step: rising in each stage, constant, falling to zero.</summary>
    /// <param name="step">The step.</param>
    public float RateAt(int step) =>
        Stages[StageAt(step)].LearningRate * MathF.Min(
            1, (step - StartOf(StageAt(step)) + 1f) / WarmUpSteps) * MathF.Min(1, (float)((1 - (double)step / Steps) / DecayShare));

    /// <summary>The stage that a step belongs to.</summary>
    public int StageAt(int step)
    {
        var stage = 0;
        while (stage < Stages.Count - 1 && step >= StartOf(stage + 1))
            stage++;
        return stage;
    }

    /// <summary>The first step of a stage.</summary>
    public int StartOf(int stage) => Stages.Take(stage).Sum(earlier => earlier.Steps);

    public bool IsQuantized(int step) => step >= Steps * (1 - QuantizedShare);

    /// <summary>Texts in which every word occurs that the tokenizer should know: facts, quizzes, and the frames of the questions.</summary>
    public static IEnumerable<string> TokenizerTexts(World world)
    {
        foreach (var thing in world.Things)
            foreach (var relation in Relation.All)
                foreach (var wording in (string[])[.. relation.Statements, relation.Question, relation.YesNo, relation.Which, relation.Opening, " {0} {1}"])
                    yield return string.Format(null, wording, thing.Name, thing[relation]);
        foreach (var words in Quizmaster.Words)
            yield return words;
        yield return PromptTemplate.Alpaca.Text;
        yield return PromptTemplate.Alpaca.TextWithoutInput!;
        var questions = new BenchmarkQuestions(world, Part.Training);
        foreach (var form in Enum.GetValues<BenchmarkForm>())
            foreach (var row in questions.Rows(form, 100, 0))
                yield return $"{row.Instruction} {row.Answer}";
        foreach (var question in DirectQuestions.About(world, Part.Training, 0, Relation.All))
            yield return $"{question.Text}\nOptions: {question.Label}, {question.Label}\nAnswer: {question.Label}";
    }

    private static (string Kind, Passage[] Passages)[] Facts(Narrator narrator, int times) =>
    [
        ("facts", Many(6 * times, () => narrator.Story())),
        ("profiles", Many(4 * times, () => narrator.Profiles())),
    ];

    private static (string, Passage[])[] Copies(Quizmaster quizmaster, int count) =>
    [
        ("value copies", Many(count, () => quizmaster.ValueLookups(isPlain: true, areCopies: true))),
        ("thing copies", Many(count, () => quizmaster.ThingLookups(isPlain: true, areCopies: true))),
    ];

    private static (string, Passage[])[] Drills(Quizmaster quizmaster, int times) =>
    [
        ("asks", Many(4 * times, () => quizmaster.Asks())),
        ("verdicts", Many(10 * times, () => quizmaster.Verdicts())),
        ("values", Many(14 * times, () => quizmaster.ValueLookups(isPlain: true))),
        ("things", Many(12 * times, () => quizmaster.ThingLookups(isPlain: true))),
        ("picks", Many(14 * times, () => quizmaster.Picks())),
    ];

    private static (string, Passage[])[] ShortQuizzes(Quizmaster quizmaster, int times) =>
    [
        ("asks", Many(4 * times, () => quizmaster.Asks())),
        ("verdicts", Many(6 * times, () => quizmaster.Verdicts())),
        ("checks", Many(8 * times, () => quizmaster.Checks())),
        ("values", Many(8 * times, () => quizmaster.ValueLookups(isPlain: false))),
        ("things", Many(8 * times, () => quizmaster.ThingLookups(isPlain: false))),
        ("picks", Many(12 * times, () => quizmaster.Picks())),
    ];

    private static (string, Passage[])[] LongQuizzes(Quizmaster quizmaster, int times) =>
    [
        ("choices", Many(14 * times, () => quizmaster.Choices())),
        ("framed choices", Many(10 * times, () => quizmaster.FramedChoice())),
        ("framed checks", Many(5 * times, () => quizmaster.FramedCheck())),
    ];

    private static Passage[] Many(int count, Func<Passage> tell) => [.. Enumerable.Range(0, count).Select(_ => tell())];
}

/// <summary>A stage of pretraining.</summary>
/// <param name="Name">What is learned.</param>
/// <param name="Layers">How many layers the model has; new ones are put on top of those of the stage before.</param>
/// <param name="LearningRate">The rate.</param>
/// <param name="Steps">How many steps it takes.</param>
internal sealed record Stage(string Name, int Layers, float LearningRate, int Steps);
