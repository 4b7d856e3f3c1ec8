using System.Linq.Expressions;
using System.Reflection;

namespace Microsoft.ML.Data;

/// <summary>One column that is a field or property of <typeparamref name="TRow"/>.</summary>
internal abstract class MemberColumn<TRow>
    where TRow : class
{
    public MemberInfo Member { get; private init; }

    public DataViewSchema.DetachedColumn Column { get; private init; }

    public static MemberColumn<TRow>[] Of(SchemaDefinition.Direction direction, SchemaDefinition definition) =>
        [.. (definition ?? SchemaDefinition.Create(typeof(TRow), direction)).Select(Create)];

    public static DataViewSchema SchemaOf(MemberColumn<TRow>[] columns)
    {
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(columns.Select(c => c.Column));
        return builder.ToSchema();
    }

    /// <summary>The members that have the names of a schema's columns, with the types and annotations of those.</summary>
    public static SchemaDefinition DefinitionFor(DataViewSchema schema)
    {
        var definition = SchemaDefinition.Create(typeof(TRow), SchemaDefinition.Direction.Read);
        foreach (var column in schema)
        {
            var member = definition[column.Name] ?? throw new InvalidOperationException($"Type should contain a member named {column.Name}");
            member.ColumnType = column.Type;
            member.Annotations = column.Annotations;
        }
        return definition;
    }

    /// <summary>A getter of the member's value in the row object that <paramref name="current"/> gives.</summary>
    public abstract Delegate CreateGetter(Func<TRow> current);

    /// <summary>Writes a column's value of the row where <paramref name="source"/> is into a row object.</summary>
    public abstract Action<TRow> CreateSetter(DataViewRow source, DataViewSchema.Column column);

    private static MemberColumn<TRow> Create(SchemaDefinition.Column column)
    {
        var member = (MemberInfo)typeof(TRow).GetField(column.MemberName) ?? typeof(TRow).GetProperty(column.MemberName);
        Checks.Param(member is not null, "userSchemaDefinition", $"No field or property with name '{column.MemberName}' found in type '{typeof(TRow).FullName}'");
        var (isVector, itemType) = SchemaDefinition.ShapeOf(member);
        var name = string.IsNullOrEmpty(column.ColumnName) ? column.MemberName : column.ColumnName;
        var type = column.ColumnType ?? (isVector ? new VectorDataViewType(DataViewTypes.OfRawType(itemType)) : DataViewTypes.OfRawType(itemType));
        Checks.Param(isVector == type is VectorDataViewType, "userSchemaDefinition",
            $"Column '{name}' is supposed to be {(isVector ? "scalar" : "vector")}, but type of associated field '{column.MemberName}' is {(isVector ? "vector" : "scalar")}");
        Checks.Param(type.ItemType().RawType == itemType, "userSchemaDefinition",
            $"Column '{name}' is supposed to have item type {type.ItemType().RawType}, but associated field has type {itemType}");

        var converter = ConverterOf(SchemaDefinition.TypeOf(member), type);
        var arguments = converter.GetType().BaseType.GetGenericArguments();
        var make = typeof(MemberColumn<TRow>).GetMethod(nameof(CreateTyped), BindingFlags.Static | BindingFlags.NonPublic).MakeGenericMethod(arguments);
        return (MemberColumn<TRow>)make.Invoke(null, [member, new DataViewSchema.DetachedColumn(name, type, column.Annotations), converter]);
    }

    private static Typed<TMember, TRaw> CreateTyped<TMember, TRaw>(MemberInfo member, DataViewSchema.DetachedColumn column, MemberConverter<TMember, TRaw> converter) =>
        new(converter) { Member = member, Column = column };

    private static object ConverterOf(Type member, DataViewType type)
    {
        if (member.IsArray)
        {
            var items = ConverterOf(member.GetElementType(), ((VectorDataViewType)type).ItemType);
            return Activator.CreateInstance(typeof(ArrayConverter<,>).MakeGenericType(items.GetType().BaseType.GetGenericArguments()), items);
        }
        return type switch
        {
            VectorDataViewType vector => Activator.CreateInstance(typeof(VectorConverter<>).MakeGenericType(vector.ItemType.RawType)),
            KeyDataViewType key => Activator.CreateInstance(typeof(KeyConverter<>).MakeGenericType(key.RawType), key.Count),
            TextDataViewType when member == typeof(string) => new TextConverter(),
            _ => Activator.CreateInstance(typeof(SameConverter<>).MakeGenericType(type.RawType)),
        };
    }

    private sealed class Typed<TMember, TRaw>(MemberConverter<TMember, TRaw> converter) : MemberColumn<TRow>
    {
        public override Delegate CreateGetter(Func<TRow> current)
        {
            var row = Expression.Parameter(typeof(TRow));
            var read = Expression.Lambda<Func<TRow, TMember>>(Expression.MakeMemberAccess(row, Member), row).Compile();
            return (ValueGetter<TRaw>)((ref TRaw raw) => converter.ToRaw(read(current()), ref raw));
        }

        public override Action<TRow> CreateSetter(DataViewRow source, DataViewSchema.Column column)
        {
            var row = Expression.Parameter(typeof(TRow));
            var member = Expression.Parameter(typeof(TMember));
            var write = Expression.Lambda<Action<TRow, TMember>>(Expression.Assign(Expression.MakeMemberAccess(row, Member), member), row, member).Compile();
            var getter = source.GetGetter<TRaw>(column);
            TRaw raw = default;
            return target =>
            {
                getter(ref raw);
                write(target, converter.FromRaw(ref raw));
            };
        }
    }
}
