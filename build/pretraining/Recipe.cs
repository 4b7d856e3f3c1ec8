using EverydayWorld;
using Microsoft.ML.Moka.Llama;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Pretraining;

/// <summary>What the embedded backbone is and how it is taught.</summary>
internal sealed record Recipe
{
    /// <summary>Seeds the initial weights and the text.</summary>
    public int Seed { get; init; } = 2;

    /// <summary>Optimizer steps.</summary>
    public int Steps { get; init; } = 3000;

    /// <summary>Facts are told alone until their loss, averaged over the last steps, is below this; then quizzes about them begin.</summary>
    public double FactLoss { get; init; } = 0.62;

    /// <summary>Steps over which the rate rises.</summary>
    public int WarmUpSteps { get; init; } = 30;

    /// <summary>The share of the steps over which the rate falls to zero.</summary>
    public double DecayShare { get; init; } = 0.3;

    /// <summary>The share of the steps, at the end, that see quantized weights.</summary>
    public double QuantizedShare { get; init; } = 0.2;

    /// <summary>The rate while there are facts alone.</summary>
    public float FactLearningRate { get; init; } = 4e-3f;

    /// <summary>The rate with quizzes.</summary>
    public float LearningRate { get; init; } = 2e-3f;

    public float WeightDecay { get; init; } = 0.05f;

    public float ClipNorm { get; init; } = 1;

    /// <summary>Passages of every kind in a step; twice as many facts while there is nothing else.</summary>
    public int PassagesOfAKind { get; init; } = 12;

    /// <summary>Merges of the tokenizer.</summary>
    public int Merges { get; init; } = 1150;

    public int Width { get; init; } = 128;

    public int Layers { get; init; } = 6;

    /// <summary>
    /// Layers while there are facts alone. What is recalled then stands low in the model, where the layers that are put on top can compare it; a model
    /// that starts at its full depth recalls in its last layers, and what comes after has nothing to compare.
    /// </summary>
    public int FactLayers { get; init; } = 3;

    public int MlpWidth { get; init; } = 256;

    public int Heads { get; init; } = 4;

    /// <summary>The model for a tokenizer; embedding rows are rounded up to a multiple of 64.</summary>
    public LlamaConfig Config(BackboneTokenizer tokenizer, bool factsAreKnown) => new()
    {
        HiddenSize = Width,
        IntermediateSize = MlpWidth,
        LayerCount = factsAreKnown ? Layers : FactLayers,
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
    public IReadOnlyList<(string Kind, Passage[] Passages)> Passages(World world, int step, bool factsAreKnown)
    {
        var narrator = new Narrator(world, unchecked(Seed * 1_000_003 + step));
        return factsAreKnown
            ? [("facts", Many(PassagesOfAKind, () => narrator.Story())), .. Quizzes(narrator)]
            : [("facts", Many(2 * PassagesOfAKind, () => narrator.Story()))];
    }

    /// <summary>Facts and quizzes about things that no quiz of the pretraining text asks about: whether what was learned carries over.</summary>
    public IReadOnlyList<(string Kind, Passage[] Passages)> Probes(World world)
    {
        var narrator = new Narrator(world, -1, Part.Training);
        return [("facts", Many(2 * PassagesOfAKind, () => narrator.Story())), .. Quizzes(narrator)];
    }

    /// <summary>The learning rate of a step: rising in each stage, constant, falling to zero.</summary>
    /// <param name="step">The step.</param>
    /// <param name="stageStart">The step that began the stage; 0 in the first.</param>
    public float RateAt(int step, int stageStart) =>
        (stageStart == 0 ? FactLearningRate : LearningRate)
        * MathF.Min(1, (step - stageStart + 1f) / WarmUpSteps) * MathF.Min(1, (float)((1 - (double)step / Steps) / DecayShare));

    public bool IsQuantized(int step) => step >= Steps * (1 - QuantizedShare);

    /// <summary>Texts in which every word occurs that the tokenizer should know: facts, quizzes, and the frames of the questions.</summary>
    public static IEnumerable<string> TokenizerTexts(World world)
    {
        var narrator = new Narrator(world, 0);
        foreach (var thing in world.Things)
            foreach (var relation in Relation.All)
                foreach (var wording in relation.Statements)
                    yield return string.Format(null, wording, thing.Name, thing[relation]);
        for (var i = 0; i < 200; i++)
            yield return $"{narrator.Checks().Text} {narrator.Asks().Text} {narrator.Choices().Text}";
        var questions = new BenchmarkQuestions(world, Part.Training);
        foreach (var form in Enum.GetValues<BenchmarkForm>())
            foreach (var row in questions.Rows(form, 100, 0))
                yield return $"{row.Instruction} {row.Answer}";
        foreach (var question in DirectQuestions.About(world, Part.Training, 0, Relation.All))
            yield return $"{question.Text}\nOptions: {question.Label}, {question.Label}\nAnswer: {question.Label}";
    }

    private (string, Passage[])[] Quizzes(Narrator narrator) =>
    [
        ("checks", Many(PassagesOfAKind, () => narrator.Checks())),
        ("asks", Many(PassagesOfAKind, () => narrator.Asks())),
        ("choices", Many(2 * PassagesOfAKind, () => narrator.Choices())),
    ];

    private static Passage[] Many(int count, Func<Passage> tell) => [.. Enumerable.Range(0, count).Select(_ => tell())];
}
