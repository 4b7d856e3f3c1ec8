namespace Microsoft.ML.Moka.Tests.Extensions;

/// <summary>What is asked: no label.</summary>
public sealed class Ticket
{
    public string Text { get; set; } = "";
}

public sealed class Answer
{
    public string PredictedLabel { get; set; } = "";

    public float[] Score { get; set; } = [];
}

/// <summary>Two models of one kind, and one that reads another column; each a chain that maps its label.</summary>
public sealed class TwoModels : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("models").FullName;
    private readonly Dictionary<string, ITransformer> _loaded = [];
    private readonly MLContext _context = new(seed: 1);

    public TwoModels()
    {
        First = Save("first", steps: 1, new PromptTemplate("{text}:"));
        Second = Save("second", steps: 3, new PromptTemplate("{text}:"));
        OfCities = Save("cities", steps: 1, new PromptTemplate("{City}, {text}:"));
    }

    public string First { get; }

    public string Second { get; }

    public string OfCities { get; }

    /// <summary>The scores of a text by ML.NET alone, with a label of no meaning.</summary>
    public float[] Ask(string path, string text)
    {
        lock (_loaded)
        {
            if (!_loaded.TryGetValue(path, out var model))
                _loaded.Add(path, model = _context.Model.Load(path, out _));
            var rows = _context.Data.LoadFromEnumerable([new Labelled { Text = text, Label = "money" }]);
            return _context.Data.CreateEnumerable<Answer>(model.Transform(rows), reuseRowObject: false).Single().Score;
        }
    }

    public void Dispose()
    {
        foreach (var model in _loaded.Values.OfType<IDisposable>())
            model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string Save(string name, int steps, PromptTemplate template)
    {
        var rows = _context.Data.LoadFromEnumerable(Enumerable.Range(0, 8).Select(i => new Labelled
        {
            Text = i % 2 == 0 ? $"parcel {i}" : $"refund {i}", Label = i % 2 == 0 ? "parcel" : "money",
        }));
        var options = new MokaTrainer.Options { NumberOfSteps = steps, PromptTemplate = template };
        using var model = _context.Transforms.Conversion.MapValueToKey("Label")
            .Append(_context.MulticlassClassification.Trainers.Moka(options))
            .Append(_context.Transforms.Conversion.MapKeyToValue("PredictedLabel")).Fit(rows);
        var path = Path.Combine(_folder, $"{name}.zip");
        _context.Model.Save(model, rows.Schema, path);
        return path;
    }

    private sealed class Labelled
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";

        public string City { get; set; } = "Bern";
    }
}
