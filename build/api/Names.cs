using System.Reflection;

namespace Microsoft.ML.Moka.ApiReference;

/// <summary>What types and members are called: in C#, and in the XML documentation.</summary>
internal static class Names
{
    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(bool)] = "bool", [typeof(int)] = "int", [typeof(uint)] = "uint", [typeof(long)] = "long", [typeof(ulong)] = "ulong", [typeof(float)] = "float",
        [typeof(double)] = "double",
        [typeof(string)] = "string", [typeof(object)] = "object", [typeof(void)] = "void", [typeof(byte)] = "byte",
    };

    /// <summary>"MokaTrainer.Options": a type's name with those of the types around it.</summary>
    public static string Short(Type type) => type.DeclaringType is null || type.IsGenericParameter ? Plain(type) : $"{Short(type.DeclaringType)}.{Plain(type)}";

    /// <summary>A type as C# has it, with its question marks.</summary>
    public static string CSharp(NullabilityInfo info)
    {
        var type = info.Type;
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return CSharp(underlying) + "?";
        var name = type.IsArray ? $"{(info.ElementType is null ? CSharp(type.GetElementType()!) : CSharp(info.ElementType))}[]"
            : type.IsGenericType ? Generic(type, [.. info.GenericTypeArguments.Select(CSharp)])
            : CSharp(type);
        return !type.IsValueType && info.ReadState == NullabilityState.Nullable ? name + "?" : name;
    }

    public static string CSharp(Type type) =>
        Keywords.TryGetValue(type, out var keyword) ? keyword
        : Nullable.GetUnderlyingType(type) is { } underlying ? CSharp(underlying) + "?"
        : type.IsByRef ? CSharp(type.GetElementType()!)
        : type.IsArray ? CSharp(type.GetElementType()!) + "[]"
        : type.IsGenericType ? Generic(type, [.. type.GetGenericArguments().Select(CSharp)])
        : Short(type);

    /// <summary>The member's name in the XML file: "M:Namespace.Type.Method(System.Int32)".</summary>
    public static string Documentation(MemberInfo member) => member switch
    {
        Type type => $"T:{Id(type)}",
        FieldInfo field => $"F:{Id(field.DeclaringType!)}.{field.Name}",
        PropertyInfo property => $"P:{Id(property.DeclaringType!)}.{property.Name}",
        ConstructorInfo constructor => $"M:{Id(constructor.DeclaringType!)}.#ctor{Parameters(constructor)}",
        MethodInfo method =>
            $"M:{Id(method.DeclaringType!)}.{method.Name}{(method.IsGenericMethod ? $"``{method.GetGenericArguments().Length}" : "")}{Parameters(method)}",
        _ => "",
    };

    private static string Parameters(MethodBase method)
    {
        var parameters = method.GetParameters();
        return parameters.Length == 0 ? "" : $"({string.Join(',', parameters.Select(parameter => Id(parameter.ParameterType)))})";
    }

    private static string Id(Type type) =>
        type.IsByRef ? Id(type.GetElementType()!) + "@"
        : type.IsArray ? Id(type.GetElementType()!) + "[]"
        : type.IsGenericParameter ? $"{(type.DeclaringMethod is null ? "`" : "``")}{type.GenericParameterPosition}"
        : type.IsGenericType && !type.IsGenericTypeDefinition
            ? $"{type.GetGenericTypeDefinition().FullName!.Split('`')[0].Replace('+', '.')}{{{string.Join(',', type.GetGenericArguments().Select(Id))}}}"
        : type.FullName!.Replace('+', '.');

    private static string Generic(Type type, string[] arguments) => type.FullName?.StartsWith("System.ValueTuple`", StringComparison.Ordinal) == true
        ? $"({string.Join(", ", arguments)})"
        : $"{Plain(type)}<{string.Join(", ", arguments)}>";

    private static string Plain(Type type) => type.Name.Split('`')[0];
}
