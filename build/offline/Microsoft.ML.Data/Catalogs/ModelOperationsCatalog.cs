using System.Text;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

public sealed class ModelOperationsCatalog : IInternalCatalog
{
    private const string SchemaEntry = "Schema";

    private readonly LocalEnvironment _env;

    internal ModelOperationsCatalog(LocalEnvironment env) => _env = env;

    IHostEnvironment IInternalCatalog.Environment => _env;

    public void Save(ITransformer model, DataViewSchema inputSchema, Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var repository = RepositoryWriter.CreateNew(stream, _env.TempFilePath);
        ModelSaveContext.SaveModel(repository, model, TransformerChain.LoaderSignature);
        if (inputSchema is not null)
        {
            using var writer = new BinaryWriter(repository.CreateEntry(null, SchemaEntry), Encoding.UTF8, leaveOpen: true);
            SchemaStream.Write(writer, inputSchema);
        }
        repository.Commit();
    }

    public void Save(ITransformer model, DataViewSchema inputSchema, string filePath)
    {
        Checks.NonEmpty(filePath, nameof(filePath));
        using var stream = File.Create(filePath);
        Save(model, inputSchema, stream);
    }

    public ITransformer Load(Stream stream, out DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var repository = RepositoryReader.Open(stream, _env.TempFilePath);
        inputSchema = null;
        using (var entry = repository.OpenEntryOrNull(null, SchemaEntry))
        {
            if (entry is not null)
            {
                using var reader = new BinaryReader(entry);
                inputSchema = SchemaStream.Read(reader);
            }
        }
        if (inputSchema is null && !HasModel(repository))
            throw new InvalidOperationException("Could not load legacy format model");
        ModelLoadContext.LoadModel<ITransformer, SignatureLoadModel>(_env, out var model, repository, TransformerChain.LoaderSignature);
        return model;
    }

    public ITransformer Load(string filePath, out DataViewSchema inputSchema)
    {
        Checks.NonEmpty(filePath, nameof(filePath));
        using var stream = File.OpenRead(filePath);
        return Load(stream, out inputSchema);
    }

    public PredictionEngine<TSrc, TDst> CreatePredictionEngine<TSrc, TDst>(
        ITransformer transformer,
        bool ignoreMissingColumns = true,
        SchemaDefinition inputSchemaDefinition = null,
        SchemaDefinition outputSchemaDefinition = null)
        where TSrc : class
        where TDst : class, new() =>
        new(transformer, new PredictionEngineOptions
        {
            IgnoreMissingColumns = ignoreMissingColumns,
            InputSchemaDefinition = inputSchemaDefinition,
            OutputSchemaDefinition = outputSchemaDefinition,
        });

    public PredictionEngine<TSrc, TDst> CreatePredictionEngine<TSrc, TDst>(ITransformer transformer, DataViewSchema inputSchema)
        where TSrc : class
        where TDst : class, new() =>
        CreatePredictionEngine<TSrc, TDst>(transformer, false, MemberColumn<TSrc>.DefinitionFor(inputSchema));

    public PredictionEngine<TSrc, TDst> CreatePredictionEngine<TSrc, TDst>(ITransformer transformer, PredictionEngineOptions options)
        where TSrc : class
        where TDst : class, new() => new(transformer, options);

    private static bool HasModel(RepositoryReader repository)
    {
        using var entry = repository.OpenEntryOrNull(TransformerChain.LoaderSignature, ModelLoadContext.ModelStreamName);
        return entry is not null;
    }
}
