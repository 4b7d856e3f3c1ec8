using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms;

[assembly: LoadableClass(typeof(ValueToKeyMappingTransformer), null, typeof(SignatureLoadModel),
    "Term Transform", ValueToKeyMappingTransformer.LoaderSignature)]

namespace Microsoft.ML.Transforms;

public sealed class ValueToKeyMappingEstimator : IEstimator<ValueToKeyMappingTransformer>
{
    private readonly LocalEnvironment _env;
    private readonly InputOutputColumnPair[] _columns;
    private readonly int _maximumNumberOfKeys;
    private readonly KeyOrdinality _ordinality;
    private readonly bool _valuesAsText;
    private readonly IDataView _keyData;

    internal ValueToKeyMappingEstimator(
        LocalEnvironment env,
        InputOutputColumnPair[] columns,
        int maximumNumberOfKeys,
        KeyOrdinality ordinality,
        bool valuesAsText,
        IDataView keyData)
    {
        Checks.Param(columns is { Length: > 0 }, nameof(columns));
        Checks.Param(keyData is null || keyData.Schema.Count == 1, nameof(keyData),
            $"If specified, this data view should contain only a single column containing the terms to map, but this had {keyData?.Schema.Count} columns.");
        _env = env;
        _columns = columns;
        _maximumNumberOfKeys = maximumNumberOfKeys;
        _ordinality = ordinality;
        _valuesAsText = valuesAsText;
        _keyData = keyData;
    }

    public enum KeyOrdinality : byte
    {
        ByOccurrence = 0,
        ByValue = 1,
    }

    public ValueToKeyMappingTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var vocabularies = new Vocabulary[_columns.Length];
        for (var i = 0; i < _columns.Length; i++)
        {
            var column = DataOperationsCatalog.Find(input.Schema, _columns[i].InputColumnName, nameof(input) + "Schema", "input");
            if (_keyData is null)
            {
                Checks.Param(_maximumNumberOfKeys > 0, "MaxNumTerms", "Must be positive");
                vocabularies[i] = Vocabulary.Learn(_env, input, column, _maximumNumberOfKeys, _ordinality);
                continue;
            }
            vocabularies[i] = Vocabulary.Learn(_env, _keyData, _keyData.Schema[0], int.MaxValue, _ordinality);
            Checks.Param(vocabularies[i].ItemType.Equals(column.Type.ItemType()), "keyData",
                $"Terms from input data type '{vocabularies[i].ItemType}' but mismatches column '{_columns[i].OutputColumnName}' item type '{column.Type.ItemType()}'");
        }
        return new ValueToKeyMappingTransformer(_columns, vocabularies, _valuesAsText);
    }

    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return ValueToKeyMappingTransformer.GetOutputShape(inputSchema, _columns, _valuesAsText);
    }
}

/// <summary>Puts the number of a value, counted from 1, in the place of the value; 0 for a value that was not seen in training.</summary>
public sealed class ValueToKeyMappingTransformer : OneToOneTransformerBase
{
    internal const string LoaderSignature = "TermTransform";

    private static readonly VersionInfo Version = new(
        modelSignature: "TERMOFFL",
        verWrittenCur: 0x00010001,
        verReadableCur: 0x00010001,
        verWeCanReadBack: 0x00010001,
        loaderAssemblyName: typeof(ValueToKeyMappingTransformer).Assembly.FullName,
        loaderSignature: LoaderSignature);

    private readonly Vocabulary[] _vocabularies;
    private readonly bool _valuesAsText;

    internal ValueToKeyMappingTransformer(InputOutputColumnPair[] columns, Vocabulary[] vocabularies, bool valuesAsText) : base(columns)
    {
        _vocabularies = vocabularies;
        _valuesAsText = valuesAsText;
    }

    private ValueToKeyMappingTransformer(ModelLoadContext ctx) : base(ctx, Version)
    {
        _valuesAsText = ctx.Reader.ReadBoolean();
        _vocabularies = Array.ConvertAll(Columns, _ => Vocabulary.Load(ctx.Reader));
    }

    internal static SchemaShape GetOutputShape(SchemaShape inputSchema, InputOutputColumnPair[] columns, bool valuesAsText)
    {
        var result = inputSchema.ToDictionary(c => c.Name);
        foreach (var pair in columns)
        {
            var input = FindInput(inputSchema, pair);
            DataViewType item = valuesAsText ? TextDataViewType.Instance : input.ItemType;
            var annotations = input.Annotations.Where(a => a.Name == AnnotationUtils.Kinds.SlotNames)
                .Append(new SchemaShape.Column(AnnotationUtils.Kinds.KeyValues, SchemaShape.Column.VectorKind.Vector, item, input.IsKey && !valuesAsText));
            result[pair.OutputColumnName] = new SchemaShape.Column(
                pair.OutputColumnName, input.Kind, NumberDataViewType.UInt32, true, new SchemaShape(annotations));
        }
        return new SchemaShape(result.Values);
    }

    private protected override ItemMap CreateMap(int index, DataViewSchema.Column input)
    {
        var vocabulary = _vocabularies[index];
        Checks.That(input.Type.ItemType().Equals(vocabulary.ItemType),
            $"Could not apply a map over type '{vocabulary.ItemType}' to column '{Columns[index].OutputColumnName}' since it has type '{input.Type.ItemType()}'");
        return vocabulary.CreateMap(_valuesAsText);
    }

    private protected override void SaveModel(ModelSaveContext ctx)
    {
        ctx.CheckAtModel();
        ctx.SetVersionInfo(Version);
        SaveColumns(ctx);
        ctx.Writer.Write(_valuesAsText);
        foreach (var vocabulary in _vocabularies)
            vocabulary.Save(ctx.Writer);
    }
}
