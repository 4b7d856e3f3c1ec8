using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms;

[assembly: LoadableClass(typeof(KeyToValueMappingTransformer), null, typeof(SignatureLoadModel),
    "Key To Value Transform", KeyToValueMappingTransformer.LoaderSignature)]

namespace Microsoft.ML.Transforms;

public sealed class KeyToValueMappingEstimator : TrivialEstimator<KeyToValueMappingTransformer>
{
    internal KeyToValueMappingEstimator(KeyToValueMappingTransformer transformer) : base(transformer)
    {
    }

    public override SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return Transformer.GetOutputShape(inputSchema);
    }
}

/// <summary>Puts the key's value, which stands in the column's annotation, in the place of the key.</summary>
public sealed class KeyToValueMappingTransformer : OneToOneTransformerBase
{
    internal const string LoaderSignature = "KeyToValueTransform";

    private static readonly VersionInfo Version = new(
        modelSignature: "KEY2VALT",
        verWrittenCur: 0x00010001,
        verReadableCur: 0x00010001,
        verWeCanReadBack: 0x00010001,
        loaderAssemblyName: typeof(KeyToValueMappingTransformer).Assembly.FullName,
        loaderSignature: LoaderSignature);

    internal KeyToValueMappingTransformer(InputOutputColumnPair[] columns) : base(columns)
    {
    }

    private KeyToValueMappingTransformer(ModelLoadContext ctx) : base(ctx, Version)
    {
    }

    internal SchemaShape GetOutputShape(SchemaShape inputSchema)
    {
        var result = inputSchema.ToDictionary(c => c.Name);
        foreach (var pair in Columns)
        {
            var input = FindInput(inputSchema, pair);
            Checks.Param(input.IsKey, nameof(inputSchema),
                $"Schema mismatch for input column '{pair.InputColumnName}': expected KeyType, got {input.GetTypeString()}");
            Checks.Param(input.Annotations.TryFindColumn(AnnotationUtils.Kinds.KeyValues, out var values), nameof(inputSchema),
                $"Input column '{pair.InputColumnName}' doesn't contain key values metadata");
            var kept = input.Annotations.Where(a => a.Name == AnnotationUtils.Kinds.SlotNames);
            result[pair.OutputColumnName] = new SchemaShape.Column(pair.OutputColumnName, input.Kind, values.ItemType, values.IsKey, new SchemaShape(kept));
        }
        return new SchemaShape(result.Values);
    }

    private protected override ItemMap CreateMap(int index, DataViewSchema.Column input)
    {
        var values = input.Annotations.Schema.GetColumnOrNull(AnnotationUtils.Kinds.KeyValues);
        Checks.That(values is not null, "Metadata KeyValues does not exist");
        var key = input.Type.ItemType() as KeyDataViewType;
        Checks.That(key is not null && (ulong)values.Value.Type.VectorSize() == key.Count, "KeyValues metadata size does not match column type key count");
        var item = (PrimitiveDataViewType)values.Value.Type.ItemType();
        return Invoke<ItemMap>(CreateMap<int, int>, [key.RawType, item.RawType], input, item);
    }

    private protected override void SaveModel(ModelSaveContext ctx)
    {
        ctx.CheckAtModel();
        ctx.SetVersionInfo(Version);
        SaveColumns(ctx);
    }

    private static ItemMap CreateMap<TKey, TValue>(DataViewSchema.Column input, PrimitiveDataViewType type)
    {
        VBuffer<TValue> buffer = default;
        input.Annotations.GetValue(AnnotationUtils.Kinds.KeyValues, ref buffer);
        var values = buffer.DenseValues().ToArray();
        var missing = MissingValue.Of<TValue>();
        return new ItemMap<TKey, TValue>(key =>
        {
            var number = Convert.ToUInt64(key);
            return 0 < number && number <= (ulong)values.Length ? values[number - 1] : missing;
        })
        { Type = type };
    }
}

/// <summary>What stands for "no value": NaN for real numbers, else the default.</summary>
internal static class MissingValue
{
    public static T Of<T>() =>
        typeof(T) == typeof(float) ? (T)(object)float.NaN :
        typeof(T) == typeof(double) ? (T)(object)double.NaN : default;

    public static bool Is<T>(T value, DataViewType type) => value switch
    {
        float number => float.IsNaN(number),
        double number => double.IsNaN(number),
        ReadOnlyMemory<char> text => text.IsEmpty,
        _ => type is KeyDataViewType && Convert.ToUInt64(value) == 0,
    };
}
