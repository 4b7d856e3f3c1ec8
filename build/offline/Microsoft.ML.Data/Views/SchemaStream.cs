using System.Reflection;

namespace Microsoft.ML.Data;

/// <summary>Writes and reads the columns of a schema with their annotations.</summary>
internal static class SchemaStream
{
    private enum Shape : byte
    {
        Scalar,
        Vector,
    }

    public static void Write(BinaryWriter writer, DataViewSchema schema)
    {
        writer.Write(schema.Count);
        foreach (var column in schema)
        {
            WriteColumn(writer, column);
            var annotations = column.Annotations.Schema.Where(a => DataViewTypes.KindOf(a.Type.ItemType()) != 0).ToArray();
            writer.Write(annotations.Length);
            foreach (var annotation in annotations)
            {
                WriteColumn(writer, annotation);
                Call(nameof(WriteValue), annotation.Type, writer, column.Annotations, annotation);
            }
        }
    }

    public static DataViewSchema Read(BinaryReader reader)
    {
        var schema = new DataViewSchema.Builder();
        for (var columns = reader.ReadInt32(); columns > 0; columns--)
        {
            var (name, type) = ReadColumn(reader);
            var annotations = new DataViewSchema.Annotations.Builder();
            for (var count = reader.ReadInt32(); count > 0; count--)
            {
                var (kind, annotationType) = ReadColumn(reader);
                Call(nameof(ReadValue), annotationType, reader, annotations, kind, annotationType);
            }
            schema.AddColumn(name, type, annotations.ToAnnotations());
        }
        return schema.ToSchema();
    }

    private static void WriteColumn(BinaryWriter writer, DataViewSchema.Column column)
    {
        var item = column.Type.ItemType();
        writer.Write(column.Name);
        writer.Write((byte)DataViewTypes.KindOf(item));
        writer.Write((item as KeyDataViewType)?.Count ?? 0);
        writer.Write((byte)(column.Type is VectorDataViewType ? Shape.Vector : Shape.Scalar));
        if (column.Type is VectorDataViewType vector)
        {
            writer.Write(vector.Dimensions.Length);
            foreach (var dimension in vector.Dimensions)
                writer.Write(dimension);
        }
    }

    private static (string Name, DataViewType Type) ReadColumn(BinaryReader reader)
    {
        var name = reader.ReadString();
        var item = DataViewTypes.OfKind((DataKind)reader.ReadByte());
        if (reader.ReadUInt64() is > 0 and var keys)
            item = new KeyDataViewType(item.RawType, keys);
        if ((Shape)reader.ReadByte() == Shape.Scalar)
            return (name, item);
        var dimensions = new List<int>();
        for (var count = reader.ReadInt32(); count > 0; count--)
            dimensions.Add(reader.ReadInt32());
        return (name, new VectorDataViewType(item, dimensions.ToArray()));
    }

    private static void WriteValue<T>(BinaryWriter writer, DataViewSchema.Annotations annotations, DataViewSchema.Column annotation)
    {
        VBuffer<T> values = default;
        if (annotation.Type is VectorDataViewType)
        {
            annotations.GetValue(annotation.Name, ref values);
        }
        else
        {
            T value = default;
            annotations.GetValue(annotation.Name, ref value);
            values = new VBuffer<T>(1, [value]);
        }
        writer.Write(values.Length);
        foreach (var value in values.DenseValues())
            writer.Write(ValueText.Write(value));
    }

    private static void ReadValue<T>(BinaryReader reader, DataViewSchema.Annotations.Builder annotations, string kind, DataViewType type)
    {
        var values = new List<T>();
        for (var count = reader.ReadInt32(); count > 0; count--)
            values.Add(ValueText.Read<T>(reader.ReadString()));
        if (type is PrimitiveDataViewType primitive)
        {
            annotations.AddPrimitiveValue(kind, primitive, values[0]);
            return;
        }
        var buffer = new VBuffer<T>(values.Count, [.. values]);
        annotations.Add(kind, type, (ref VBuffer<T> destination) => buffer.CopyTo(ref destination));
    }

    private static void Call(string method, DataViewType type, params object[] arguments) =>
        typeof(SchemaStream).GetMethod(method, BindingFlags.Static | BindingFlags.NonPublic)
            .MakeGenericMethod(type.ItemType().RawType)
            .Invoke(null, BindingFlags.DoNotWrapExceptions, null, arguments, null);
}
