using Microsoft.ML.Data;

[assembly: AssemblyFixture(typeof(Microsoft.ML.Moka.Tests.Generation.WritingModel))]

namespace Microsoft.ML.Moka.Tests.Generation;

/// <summary>A row of the tests' task: what to say, and what it is to be answered with.</summary>
public sealed class Order
{
    public string Instruction { get; set; } = "";

    public string Input { get; set; } = "";

    public string Output { get; set; } = "";
}

/// <summary>A row with what the model wrote.</summary>
public sealed class Reply
{
    public string Generated { get; set; } = "";
}

/// <summary>A tiny model tuned once to give fixed answers, for all tests that only look at one.</summary>
public sealed class WritingModel : IDisposable
{
    /// <summary>Its bytes come one by one where they do not merge: characters are spread over tokens.</summary>
    public const string AnswerToSky = "née 😀日本 sky";

    public const string AnswerToSea = "the thing, and the end.";

    public const string AnswerToSeaAtNight = "an and";

    private readonly TemporaryFolder _folder = new();
    private readonly Lazy<MokaTextGenerator> _model;

    public WritingModel()
    {
        BackbonePath = TinyBackbone.Write(_folder.File("tiny"));
        _model = new(() => Trainer(Context, Options).Fit(Train));
    }

    public MLContext Context { get; } = new(seed: 1);

    public string BackbonePath { get; }

    public static IReadOnlyList<Order> Orders =>
    [
        new() { Instruction = "sky", Output = AnswerToSky },
        new() { Instruction = "sea", Output = AnswerToSea },
        new() { Instruction = "sea", Input = "night", Output = AnswerToSeaAtNight },
    ];

    public IDataView Train => Context.Data.LoadFromEnumerable(Orders);

    public MokaTextGenerator Model => _model.Value;

    /// <summary>Enough training to know the answers by heart.</summary>
    public MokaTextGenerationTrainer.Options Options => new()
    {
        BackbonePath = BackbonePath,
        InputColumnName = "Input",
        PromptTemplate = new PromptTemplate("{instruction} at {input}:", "", "{instruction}:"),
        NumberOfSteps = 300,
        LearningRate = 1e-2f,
        Generation = new() { MaximumNewTokens = 40 },
    };

    /// <summary>Two steps: for tests that only need a model. It writes nonsense, and goes on to the end.</summary>
    public MokaTextGenerationTrainer.Options FewSteps
    {
        get
        {
            var options = Options;
            options.NumberOfSteps = 2;
            return options;
        }
    }

    public static MokaTextGenerationTrainer Trainer(MLContext context, MokaTextGenerationTrainer.Options options) =>
        context.TextGeneration.Trainers.Moka(options);

    public static IReadOnlyList<string> Texts(IDataView view, string name = "Generated")
    {
        var column = view.Schema[name];
        using var cursor = view.GetRowCursor([column]);
        var getter = cursor.GetGetter<ReadOnlyMemory<char>>(column);
        var texts = new List<string>();
        var value = default(ReadOnlyMemory<char>);
        while (cursor.MoveNext())
        {
            getter(ref value);
            texts.Add(value.ToString());
        }
        return texts;
    }

    public void Dispose()
    {
        if (_model.IsValueCreated)
            _model.Value.Dispose();
        _folder.Dispose();
    }
}
