using Microsoft.ML.Data;
using static Microsoft.ML.Data.OneToOneTransformerBase;

namespace Microsoft.ML.Transforms;

/// <summary>The values of a column, each with a number.</summary>
internal abstract class Vocabulary(PrimitiveDataViewType itemType)
{
    public PrimitiveDataViewType ItemType { get; } = itemType;

    public static Vocabulary Learn(
        LocalEnvironment env, IDataView data, DataViewSchema.Column column, int limit, ValueToKeyMappingEstimator.KeyOrdinality ordinality)
    {
        var vocabulary = Create((PrimitiveDataViewType)column.Type.ItemType());
        using var cursor = data.GetRowCursor([column]);
        var learn = vocabulary.CreateLearner(cursor, column, limit);
        while (cursor.MoveNext())
        {
            env.CheckAlive();
            learn();
        }
        if (ordinality == ValueToKeyMappingEstimator.KeyOrdinality.ByValue)
            vocabulary.Sort();
        return vocabulary;
    }

    public static Vocabulary Load(BinaryReader reader)
    {
        var kind = (DataKind)reader.ReadByte();
        var keys = reader.ReadUInt64();
        PrimitiveDataViewType type = DataViewTypes.OfKind(kind);
        var vocabulary = Create(keys > 0 ? new KeyDataViewType(type.RawType, keys) : type);
        vocabulary.LoadValues(reader);
        return vocabulary;
    }

    public void Save(BinaryWriter writer)
    {
        writer.Write((byte)DataViewTypes.KindOf(ItemType));
        writer.Write((ItemType as KeyDataViewType)?.Count ?? 0);
        SaveValues(writer);
    }

    public abstract ItemMap CreateMap(bool valuesAsText);

    protected abstract Action CreateLearner(DataViewRow row, DataViewSchema.Column column, int limit);

    protected abstract void Sort();

    protected abstract void SaveValues(BinaryWriter writer);

    protected abstract void LoadValues(BinaryReader reader);

    private static Vocabulary Create(PrimitiveDataViewType type) =>
        type is TextDataViewType
            ? new TextVocabulary()
            : (Vocabulary)Activator.CreateInstance(typeof(Vocabulary<>).MakeGenericType(type.RawType), type);
}

internal class Vocabulary<T>(PrimitiveDataViewType itemType) : Vocabulary(itemType)
{
    private readonly List<T> _values = [];
    private readonly Dictionary<object, uint> _numbers = [];

    public override ItemMap CreateMap(bool valuesAsText)
    {
        return new ItemMap<T, uint>(value => MissingValue.Is(value, ItemType) ? 0 : _numbers.GetValueOrDefault(IdentityOf(value)))
        {
            Type = new KeyDataViewType(typeof(uint), Math.Max(1, _values.Count)),
            Annotate = annotations =>
            {
                if (_values.Count > 0 && valuesAsText)
                    Annotate(annotations, TextDataViewType.Instance, [.. _values.Select(v => $"{v}".AsMemory())]);
                else if (_values.Count > 0)
                    Annotate(annotations, ItemType, _values.ToArray());
            },
        };
    }

    protected override Action CreateLearner(DataViewRow row, DataViewSchema.Column column, int limit)
    {
        if (column.Type is not VectorDataViewType)
        {
            var getter = row.GetGetter<T>(column);
            T value = default;
            return () =>
            {
                getter(ref value);
                Add(value, limit);
            };
        }
        var vectorGetter = row.GetGetter<VBuffer<T>>(column);
        VBuffer<T> vector = default;
        return () =>
        {
            vectorGetter(ref vector);
            foreach (var item in vector.DenseValues())
                Add(item, limit);
        };
    }

    protected override void Sort()
    {
        _values.Sort(Compare);
        for (var i = 0; i < _values.Count; i++)
            _numbers[IdentityOf(_values[i])] = (uint)i + 1;
    }

    protected override void SaveValues(BinaryWriter writer)
    {
        writer.Write(_values.Count);
        foreach (var value in _values)
            writer.Write(ValueText.Write(value));
    }

    protected override void LoadValues(BinaryReader reader)
    {
        for (var count = reader.ReadInt32(); count > 0; count--)
            Add(ValueText.Read<T>(reader.ReadString()), int.MaxValue);
    }

    protected virtual object IdentityOf(T value) => value;

    protected virtual int Compare(T x, T y) => Comparer<T>.Default.Compare(x, y);

    /// <summary>A value kept longer than the row that it came from.</summary>
    protected virtual T Own(T value) => value;

    private void Add(T value, int limit)
    {
        if (_values.Count >= limit || MissingValue.Is(value, ItemType))
            return;
        value = Own(value);
        if (_numbers.TryAdd(IdentityOf(value), (uint)_values.Count + 1))
            _values.Add(value);
    }

    private static void Annotate<TValue>(DataViewSchema.Annotations.Builder annotations, PrimitiveDataViewType type, TValue[] values)
    {
        var buffer = new VBuffer<TValue>(values.Length, values);
        ValueGetter<VBuffer<TValue>> getter = (ref VBuffer<TValue> destination) => buffer.CopyTo(ref destination);
        annotations.Add(AnnotationUtils.Kinds.KeyValues, new VectorDataViewType(type, values.Length), getter);
    }
}

internal sealed class TextVocabulary() : Vocabulary<ReadOnlyMemory<char>>(TextDataViewType.Instance)
{
    protected override object IdentityOf(ReadOnlyMemory<char> value) => value.ToString();

    protected override int Compare(ReadOnlyMemory<char> x, ReadOnlyMemory<char> y) => x.Span.CompareTo(y.Span, StringComparison.Ordinal);

    protected override ReadOnlyMemory<char> Own(ReadOnlyMemory<char> value) => value.ToString().AsMemory();
}
