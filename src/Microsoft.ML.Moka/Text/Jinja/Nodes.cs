namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>A part of a template's syntax tree.</summary>
/// <param name="Line">The line that it begins on.</param>
internal abstract record Node(int Line);

/// <summary>Something that is executed.</summary>
internal abstract record Statement(int Line) : Node(Line);

internal sealed record Data(int Line, TracedText Text) : Statement(Line);

internal sealed record Print(int Line, Expression Value) : Statement(Line);

internal sealed record If(int Line, IReadOnlyList<(Expression Condition, Block Body)> Branches, Block Else) : Statement(Line);

internal sealed record For(int Line, Target Target, Expression Items, Expression? Filter, bool IsRecursive, Block Body, Block? Else) : Statement(Line);

internal sealed record Set(int Line, Target Target, Expression Value) : Statement(Line);

/// <summary>A set whose value is what its block writes.</summary>
internal sealed record SetBlock(int Line, Target Target, IReadOnlyList<FilterUse> Filters, Block Body) : Statement(Line);

internal sealed record MacroDefinition(int Line, string Name, Signature Signature, Block Body) : Statement(Line);

internal sealed record CallBlock(int Line, Call Call, Signature Signature, Block Body) : Statement(Line);

internal sealed record FilterBlock(int Line, IReadOnlyList<FilterUse> Filters, Block Body) : Statement(Line);

internal sealed record With(int Line, IReadOnlyList<(Target Target, Expression Value)> Assignments, Block Body) : Statement(Line);

/// <summary>What the assistant says: its place in the output is recorded.</summary>
internal sealed record Generation(int Line, Block Body) : Statement(Line);

internal sealed record Break(int Line) : Statement(Line);

internal sealed record Continue(int Line) : Statement(Line);

/// <summary>Statements that follow each other.</summary>
internal sealed record Block(IReadOnlyList<Statement> Statements);

/// <summary>A macro's parameters, and whether its body asks for what else it may be called with.</summary>
internal sealed record Signature(IReadOnlyList<(string Name, Expression? Default)> Parameters, bool UsesCaller, bool UsesKeywords, bool UsesPositionals);

/// <summary>Something that a value is given to.</summary>
internal abstract record Target;

internal sealed record NameTarget(string Name) : Target;

internal sealed record NamespaceTarget(string Name, string Attribute) : Target;

internal sealed record TupleTarget(IReadOnlyList<Target> Items) : Target;

/// <summary>Something that has a value.</summary>
/// <param name="Line">The line.</param>
/// <param name="Depth">How many expressions lie in each other, this one included.</param>
internal abstract record Expression(int Line, int Depth) : Node(Line);

internal sealed record Constant(int Line, object? Value) : Expression(Line, 1);

internal sealed record Name(int Line, string Identifier) : Expression(Line, 1);

internal sealed record SequenceLiteral(int Line, int Depth, IReadOnlyList<Expression> Items, bool IsTuple) : Expression(Line, Depth);

internal sealed record DictionaryLiteral(int Line, int Depth, IReadOnlyList<(Expression Key, Expression Value)> Items) : Expression(Line, Depth);

internal sealed record Attribute(int Line, int Depth, Expression Object, string Identifier) : Expression(Line, Depth);

internal sealed record Item(int Line, int Depth, Expression Object, Expression Key) : Expression(Line, Depth);

internal sealed record Slice(int Line, int Depth, Expression Object, Expression? Start, Expression? Stop, Expression? Step) : Expression(Line, Depth);

internal sealed record Call(int Line, int Depth, Expression Function, ArgumentList Arguments) : Expression(Line, Depth);

/// <summary>A filter on a value.</summary>
internal sealed record Filtered(int Line, int Depth, Expression Value, FilterUse Filter) : Expression(Line, Depth);

internal sealed record Test(int Line, int Depth, Expression Value, string Name, ArgumentList Arguments) : Expression(Line, Depth);

internal sealed record Not(int Line, int Depth, Expression Value) : Expression(Line, Depth);

internal sealed record Signed(int Line, int Depth, Expression Value, bool IsNegative) : Expression(Line, Depth);

internal sealed record Arithmetic(int Line, int Depth, string Operator, Expression Left, Expression Right) : Expression(Line, Depth);

/// <summary>"a and b" or "a or b".</summary>
internal sealed record Logic(int Line, int Depth, bool IsAnd, Expression Left, Expression Right) : Expression(Line, Depth);

/// <summary>"a ~ b ~ c".</summary>
internal sealed record Concatenation(int Line, int Depth, IReadOnlyList<Expression> Parts) : Expression(Line, Depth);

/// <summary>"a &lt; b &lt;= c": a chain.</summary>
internal sealed record Comparison(int Line, int Depth, Expression First, IReadOnlyList<(string Operator, Expression Right)> Rest) : Expression(Line, Depth);

/// <summary>"a if b else c".</summary>
internal sealed record Conditional(int Line, int Depth, Expression Condition, Expression Then, Expression? Else) : Expression(Line, Depth);

internal sealed record FilterUse(int Line, string Name, ArgumentList Arguments);

/// <summary>What a call is given.</summary>
internal sealed record ArgumentList(
    IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named, Expression? MorePositional, Expression? MoreNamed)
{
    public static ArgumentList None { get; } = new([], [], null, null);
}
