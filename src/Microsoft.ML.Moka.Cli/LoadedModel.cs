namespace Microsoft.ML.Moka.Cli;

/// <summary>A model zip in memory.</summary>
internal sealed class LoadedModel : IDisposable
{
    private LoadedModel(ITransformer transformer, MokaModel model, DataViewSchema inputSchema) =>
        (Transformer, Model, InputSchema) = (transformer, model, inputSchema);

    /// <summary>All that the zip holds.</summary>
    public ITransformer Transformer { get; }

    /// <summary>The part of it that Moka made.</summary>
    public MokaModel Model { get; }

    /// <summary>The columns of the rows that it was trained on.</summary>
    public DataViewSchema InputSchema { get; }

    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It holds no model of Moka's.</exception>
    public static LoadedModel Open(Terminal terminal, MLContext context, string path, MokaPrecision? precision = null)
    {
        if (Directory.Exists(path))
            throw new InvalidDataException($"'{path}' is a folder: name the file of a model, as 'moka train' writes it.");
        if (!File.Exists(path))
            throw new FileNotFoundException($"There is no file '{path}'.", path);
        if (!IsZip(path))
            throw new InvalidDataException($"'{path}' cannot be loaded as a model: it is no zip, as 'moka train' and MLContext.Model.Save write it.");
        return ProgressDisplay.Wait(terminal, $"Loading {Path.GetFileName(path)}", () => Open(context, path, precision));
    }

    private static LoadedModel Open(MLContext context, string path, MokaPrecision? precision)
    {
        ITransformer transformer;
        DataViewSchema schema;
        try
        {
            transformer = context.Model.Load(path, out schema);
        }
        catch (Exception error) when (error is FormatException or InvalidDataException or InvalidOperationException
            && !error.GetBaseException().Message.Contains("backbone", StringComparison.OrdinalIgnoreCase))
        {
            throw new InvalidDataException($"'{path}' cannot be loaded as a model. {ReasonOf(error.GetBaseException().Message)}", error);
        }
        if (Find(transformer) is { } model)
        {
            if (precision is not null)
                model.Precision = precision;
            return new LoadedModel(transformer, model, schema);
        }
        (transformer as IDisposable)?.Dispose();
        throw new InvalidDataException($"'{path}' holds a model of ML.NET, but none that Moka has tuned.");
    }

    /// <summary>A backbone as it is, or with the adapter in a folder, as a model that writes.</summary>
    public static LoadedModel OfBackbone(
        MLContext context, string? backbone, string? adapterFolder, BackboneQuantization quantization, MokaPrecision? precision, PromptTemplate template,
        CancellationToken cancellation)
    {
        var rows = context.Data.LoadFromEnumerable(Array.Empty<InstructionRow>());
        var model = context.TextGeneration.Trainers.Moka(new MokaTextGenerationTrainer.Options
        {
            BackbonePath = backbone,
            InitialAdapterPath = adapterFolder,
            Quantization = quantization,
            Precision = precision,
            PromptTemplate = template,
            InputColumnName = template.Text.Contains("{input}", StringComparison.Ordinal) ? nameof(InstructionRow.Input) : null,
            NumberOfEpochs = 0,
            CancellationToken = cancellation,
        }).Fit(rows);
        return new LoadedModel(model, model, rows.Schema);
    }

    public void Dispose() => (Transformer as IDisposable)?.Dispose();

    // What .NET and ML.NET say of other files is for those who know how zips and models are made.
    private static string ReasonOf(string message) =>
        message.Contains("Central Directory", StringComparison.Ordinal) ? "It is damaged, or was not copied whole: copy it again, or train again."
        : message.StartsWith("Repository doesn't contain", StringComparison.Ordinal) ? $"It is another zip, or is damaged. {message}"
        : message;

    private static bool IsZip(string path)
    {
        Span<byte> beginning = stackalloc byte[2];
        using var file = File.OpenRead(path);
        return file.ReadAtLeast(beginning, beginning.Length, throwOnEndOfStream: false) == beginning.Length && beginning.SequenceEqual("PK"u8);
    }

    private static MokaModel? Find(ITransformer transformer) => transformer switch
    {
        MokaModel model => model,
        IEnumerable<ITransformer> chain => chain.Select(Find).FirstOrDefault(found => found is not null),
        _ => null,
    };
}
