using System.Globalization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>A type that labels can have: the words of its values, and the values of its words.</summary>
internal abstract class LabelItem
{
    public static LabelItem Text { get; } = new LabelItem<ReadOnlyMemory<char>>(
        "Text", TextDataViewType.Instance, value => value.ToString(), word => word.AsMemory());

    private static readonly LabelItem[] All =
    [
        Text,
        new LabelItem<bool>("Boolean", BooleanDataViewType.Instance, Truth.Word, word => Truth.Of(word) ?? throw new FormatException()),
        Number<sbyte>(NumberDataViewType.SByte),
        Number<byte>(NumberDataViewType.Byte),
        Number<short>(NumberDataViewType.Int16),
        Number<ushort>(NumberDataViewType.UInt16),
        Number<int>(NumberDataViewType.Int32),
        Number<uint>(NumberDataViewType.UInt32),
        Number<long>(NumberDataViewType.Int64),
        Number<ulong>(NumberDataViewType.UInt64),
    ];

    /// <summary>What files call it.</summary>
    public abstract string Name { get; }

    public abstract DataViewType Type { get; }

    /// <summary>The item of a type; null where labels cannot have it.</summary>
    public static LabelItem? Of(DataViewType type) => Array.Find(All, item => item.Type.Equals(type));

    /// <summary>The item that files call so; null where there is none.</summary>
    public static LabelItem? Of(string name) => Array.Find(All, item => item.Name == name);

    /// <summary>The word of the value in the row that <paramref name="row"/> stands on, each time that it is called.</summary>
    public abstract Func<string> Reader(DataViewRow row, DataViewSchema.Column column);

    /// <summary>The words of an annotation that is a vector of such values.</summary>
    public abstract string[] Words(DataViewSchema.Annotations annotations, string name);

    /// <summary>A <see cref="ValueGetter{TValue}"/> of the value of a word.</summary>
    public abstract Delegate Getter(Func<string> word);

    /// <summary>Adds an annotation that is the vector of the words' values.</summary>
    public abstract void Annotate(DataViewSchema.Annotations.Builder builder, string name, IReadOnlyList<string> words);

    /// <summary>Whether a word stands for such a value.</summary>
    public abstract bool Has(string word);

    /// <summary>Puts words in their values' order.</summary>
    public abstract IEnumerable<string> Sort(IEnumerable<string> words);

    private static LabelItem<T> Number<T>(DataViewType type)
        where T : struct, IFormattable, ISpanParsable<T> => new(
        typeof(T).Name, type, value => value.ToString(null, CultureInfo.InvariantCulture), word => T.Parse(word, CultureInfo.InvariantCulture));
}

/// <inheritdoc cref="LabelItem"/>
internal sealed class LabelItem<T>(string name, DataViewType type, Func<T, string> wordOf, Func<string, T> valueOf) : LabelItem
{
    public override string Name => name;

    public override DataViewType Type => type;

    public override Func<string> Reader(DataViewRow row, DataViewSchema.Column column)
    {
        var getter = row.GetGetter<T>(column);
        T value = default!;
        return () =>
        {
            getter(ref value);
            return wordOf(value);
        };
    }

    public override string[] Words(DataViewSchema.Annotations annotations, string name)
    {
        var values = default(VBuffer<T>);
        annotations.GetValue(name, ref values);
        return [.. values.DenseValues().Select(wordOf)];
    }

    public override Delegate Getter(Func<string> word) => (ValueGetter<T>)((ref T value) => value = valueOf(word()));

    public override void Annotate(DataViewSchema.Annotations.Builder builder, string name, IReadOnlyList<string> words)
    {
        T[] values = [.. words.Select(valueOf)];
        builder.Add<VBuffer<T>>(name, new VectorDataViewType((PrimitiveDataViewType)type, values.Length), (ref VBuffer<T> target) =>
        {
            var editor = VBufferEditor.Create(ref target, values.Length);
            values.CopyTo(editor.Values);
            target = editor.Commit();
        });
    }

    public override bool Has(string word)
    {
        try
        {
            return wordOf(valueOf(word)) == word;
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            return false;
        }
    }

    // Texts have no order of their own, and that of the machine's culture would not be the same everywhere.
    public override IEnumerable<string> Sort(IEnumerable<string> words) =>
        typeof(T) == typeof(ReadOnlyMemory<char>) ? words.Order(StringComparer.Ordinal) : words.OrderBy(valueOf);
}
